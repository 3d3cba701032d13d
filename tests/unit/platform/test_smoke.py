"""What smoke finds, and what the stack's last step makes of it."""

import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from app.platform import aws, smoke
from app.platform.build_info import PROBE
from app.platform.smoke import EMPTY_BATCH, SmokeFailed, look
from lambdas.smoke import handler as last_step
from tests.cloudformation import CloudFormation, cloudformation_on_loopback

VERSION = {"version": "1.2.3", "git_sha": "abc", "built_at": "2026-11-21T12:00:00+00:00"}


@dataclass
class Deployed:
    """A deployment: its functions, and the API in front of them."""

    url: str = ""
    broken: set[str] = field(default_factory=set)
    statuses: dict[str, list[int]] = field(
        default_factory=lambda: {"/version": [200], "/health/ready": [200], "/items": [401]}
    )
    asked: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)

    def invoke(self, name: str, event: Mapping[str, Any]) -> Any:
        self.asked.append((name, event))
        if name in self.broken:
            raise SmokeFailed(f"{name} fails: no module named 'missing'")
        return VERSION if event == PROBE else {"batchItemFailures": []}

    def look(self, *, within_s: float = 0) -> smoke.Smoke:
        return look(
            self.url, functions=["analyzer", "api"], workers=["analyzer"], invoke=self.invoke, within_s=within_s
        )


@pytest.fixture
def deployed() -> Iterator[Deployed]:
    deployed = Deployed()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            left = deployed.statuses[self.path]
            self.send_response(left.pop(0) if len(left) > 1 else left[0])
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    deployed.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield deployed
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_deployment_that_works_has_no_problems_and_tells_its_versions(deployed: Deployed) -> None:
    assert deployed.look() == smoke.Smoke({"analyzer": VERSION, "api": VERSION}, [])


def test_a_worker_is_also_given_a_batch_with_nothing_in_it(deployed: Deployed) -> None:
    deployed.look()

    assert [event for name, event in deployed.asked if name == "analyzer"] == [PROBE, EMPTY_BATCH]
    assert [event for name, event in deployed.asked if name == "api"] == [PROBE]


def test_a_function_that_does_not_start_is_a_problem_and_keeps_no_other_from_being_asked(deployed: Deployed) -> None:
    deployed.broken = {"analyzer"}

    found = deployed.look()

    assert found.problems == ["analyzer fails: no module named 'missing'"]
    assert found.versions == {"api": VERSION}


@pytest.mark.parametrize(("path", "status"), [("/version", 500), ("/health/ready", 503), ("/items", 200)])
def test_an_api_that_answers_otherwise_than_it_should_is_a_problem(deployed: Deployed, path: str, status: int) -> None:
    deployed.statuses[path] = [status]

    (problem,) = deployed.look().problems

    assert f"{path} answers {status}" in problem


def test_routes_may_take_a_moment_to_be_there(deployed: Deployed) -> None:
    deployed.statuses["/version"] = [404, 404, 200]

    assert not deployed.look(within_s=60).problems


def test_an_api_that_nobody_answers_for_is_a_problem() -> None:
    found = look("http://127.0.0.1:1", functions=[], workers=[], invoke=lambda *_: {}, within_s=0)

    assert [problem.split(" is not answered")[0] for problem in found.problems] == [
        "GET http://127.0.0.1:1/health/ready",
        "GET http://127.0.0.1:1/items",
        "GET http://127.0.0.1:1/version",
    ]


class Lambda:
    """The invocations of boto3's client, answered by a deployment."""

    def __init__(self, deployed: Deployed) -> None:
        self._deployed = deployed

    def invoke(self, *, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803
        try:
            said = self._deployed.invoke(FunctionName, json.loads(Payload))
        except SmokeFailed as exc:
            return {"Payload": _Body(str(exc)), "FunctionError": "Unhandled"}
        return {"Payload": _Body(json.dumps(said))}


class _Body:
    def __init__(self, text: str) -> None:
        self._text = text

    def read(self) -> bytes:
        return self._text.encode()


@pytest.fixture
def cloudformation() -> Iterator[CloudFormation]:
    with cloudformation_on_loopback() as stack:
        yield stack


@pytest.fixture
def step(deployed: Deployed, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The properties of the stack's last step."""
    monkeypatch.setattr(aws, "client", lambda *_, **__: Lambda(deployed))
    return {
        "api_url": deployed.url,
        "functions": ["analyzer", "api"],
        "workers": ["analyzer"],
        "deployment": "2026-11-21T12:00:00.000001+00:00",
    }


def test_an_update_that_works_goes_through(cloudformation: CloudFormation, step: dict[str, Any]) -> None:
    last_step.handler(cloudformation.asks("Update", before={"deployment": ""}, **step), None)

    assert cloudformation.answers[0]["Status"] == "SUCCESS"


def test_an_update_that_does_not_work_is_refused_with_the_reason(
    cloudformation: CloudFormation, step: dict[str, Any], deployed: Deployed
) -> None:
    deployed.broken = {"api"}

    with pytest.raises(SmokeFailed):
        last_step.handler(cloudformation.asks("Update", before={"deployment": ""}, **step), None)

    assert cloudformation.answers[0]["Status"] == "FAILED"
    assert "api fails: api fails: no module named 'missing'" in cloudformation.answers[0]["Reason"]


def test_a_rollback_is_not_smoked_which_could_only_leave_it_half_done(
    cloudformation: CloudFormation, step: dict[str, Any], deployed: Deployed
) -> None:
    deployed.broken = {"api"}
    failed = {"deployment": "2026-11-21T13:00:00.000001+00:00"}

    last_step.handler(cloudformation.asks("Update", before=failed, **step), None)

    assert cloudformation.answers[0]["Status"] == "SUCCESS"
    assert deployed.asked == []


@pytest.mark.parametrize("request_type", ["Create", "Delete"])
def test_what_has_nothing_before_it_or_after_it_stays_as_it_is(
    cloudformation: CloudFormation, step: dict[str, Any], deployed: Deployed, request_type: str
) -> None:
    deployed.broken = {"api"}

    last_step.handler(cloudformation.asks(request_type, **step), None)

    assert cloudformation.answers[0]["Status"] == "SUCCESS"
