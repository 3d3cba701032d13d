"""Keys from SSM Parameter Store, as moto plays it."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from app.platform.errors import PermanentFailure, Unavailable
from app.platform.parameters import Parameters, Secret


@pytest.fixture
def ssm(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        yield boto3.client("ssm", region_name="eu-central-1")


def put(ssm: Any, name: str, value: str) -> None:
    ssm.put_parameter(Name=name, Value=value, Type="SecureString", Overwrite=True)


class Counting:
    """An SSM client that counts how often it is read."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.reads = 0

    def get_paginator(self, operation: str) -> Any:
        self.reads += 1
        return self._client.get_paginator(operation)


def test_secrets_are_decrypted_and_read_once(ssm: Any) -> None:
    put(ssm, "/collections/test/anthropic_api_key", "sk-one\n")
    put(ssm, "/collections/test/voyage_api_key", "pa-two")
    counting = Counting(ssm)
    parameters = Parameters(counting, environment="test")

    values = [parameters.get(name) for name in ("anthropic_api_key", "voyage_api_key", "anthropic_api_key")]

    assert values == ["sk-one", "pa-two", "sk-one"]
    assert counting.reads == 1


def test_all_pages_are_read(ssm: Any) -> None:
    for number in range(25):  # SSM gives ten at once
        put(ssm, f"/collections/test/key_{number:02d}", str(number))
    parameters = Parameters(ssm, environment="test")

    assert [parameters.get(f"key_{number:02d}") for number in range(25)] == [str(number) for number in range(25)]


def test_another_environments_keys_are_not_seen(ssm: Any) -> None:
    put(ssm, "/collections/test2/voyage_api_key", "pa-other")
    put(ssm, "/collections/prod/voyage_api_key", "pa-other")
    parameters = Parameters(ssm, environment="test")

    with pytest.raises(PermanentFailure, match="/collections/test/voyage_api_key") as caught:
        parameters.get("voyage_api_key")

    assert caught.value.code == "provider_not_configured"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_key_that_was_missing_works_within_a_minute_of_being_there(ssm: Any) -> None:
    counting, clock = Counting(ssm), Clock()
    secret = Secret(Parameters(counting, environment="test", clock=clock), "voyage_api_key")
    for clock.now in (0, 30, 59):
        with pytest.raises(PermanentFailure):
            secret.value()
    put(ssm, "/collections/test/voyage_api_key", "pa-late")

    clock.now = 60

    assert secret.value() == "pa-late"
    assert counting.reads == 2


def test_what_may_change_at_any_time_is_a_minute_old_at_most(ssm: Any) -> None:
    counting, clock = Counting(ssm), Clock()
    parameters = Parameters(counting, environment="test", clock=clock)
    assert parameters.current("paid_calls") is None
    put(ssm, "/collections/test/paid_calls", "off")

    clock.now = 59
    assert parameters.current("paid_calls") is None
    clock.now = 60
    assert parameters.current("paid_calls") == "off"
    assert counting.reads == 2


def test_while_the_store_does_not_answer_what_was_read_last_holds(ssm: Any) -> None:
    put(ssm, "/collections/test/paid_calls", "off")
    clock, switching = Clock(), Switching(ssm)
    parameters = Parameters(switching, environment="test", clock=clock)
    assert parameters.current("paid_calls") == "off"

    switching.client = boto3.client("ssm", region_name="eu-central-1", endpoint_url="http://127.0.0.1:9")
    clock.now = 61

    assert parameters.current("paid_calls") == "off"


class Switching:
    """An SSM client that another one can take the place of."""

    def __init__(self, client: Any) -> None:
        self.client = client

    def get_paginator(self, operation: str) -> Any:
        return self.client.get_paginator(operation)


def test_a_refused_key_is_read_again(ssm: Any) -> None:
    put(ssm, "/collections/test/voyage_api_key", "pa-old")
    secret = Secret(Parameters(ssm, environment="test"), "voyage_api_key")
    assert secret.value() == "pa-old"
    put(ssm, "/collections/test/voyage_api_key", "pa-new")
    assert secret.value() == "pa-old"

    secret.refused()

    assert secret.value() == "pa-new"


def test_a_store_that_does_not_answer_is_a_passing_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    client = boto3.client("ssm", region_name="eu-central-1", endpoint_url="http://127.0.0.1:9")

    with pytest.raises(Unavailable):
        Parameters(client, environment="test").get("voyage_api_key")


def test_whether_a_parameter_is_there_is_asked_anew(ssm: Any) -> None:
    parameters = Parameters(ssm, environment="test")

    before = parameters.is_there("probe")
    put(ssm, "/collections/test/probe", "x")
    during = parameters.is_there("probe")
    ssm.delete_parameter(Name="/collections/test/probe")

    assert (before, during, parameters.is_there("probe")) == (False, True, False)
