"""One table behind Lambda's reservations, the queues' maxima, the roles' limits and the server's own."""

from pathlib import Path

import pytest
from aws_cdk import App

from app.platform import concurrency
from app.platform.concurrency import BUDGET, MAX_CONNECTIONS, RESERVED_CONNECTIONS
from app.platform.settings import DatabaseSettings
from infrastructure import migrations
from infrastructure.clouds import chosen_cloud
from tests.infrastructure.synthesized import WORKERS, Synthesized, synthesize


def reservations(stack: Synthesized) -> dict[str, int]:
    return {
        bundle: function["Properties"]["ReservedConcurrentExecutions"]
        for bundle, (_, function) in stack.functions().items()
        if "ReservedConcurrentExecutions" in function["Properties"]
    }


def test_all_connections_together_fit_the_instance() -> None:
    usable = min(MAX_CONNECTIONS, concurrency.default_max_connections(concurrency.INSTANCE_CLASS))

    assert sum(share.total for share in BUDGET.values()) <= usable - RESERVED_CONNECTIONS


@pytest.mark.parametrize(
    ("instance_class", "connections"), [("db.t4g.micro", 112), ("db.t4g.small", 225), ("db.t4g.medium", 450)]
)
def test_an_instance_allows_by_default_what_rds_documents(instance_class: str, connections: int) -> None:
    assert concurrency.default_max_connections(instance_class) == connections


def test_the_server_is_told_and_has_the_size_that_was_reckoned_with(aws: Synthesized) -> None:
    (database,) = aws.properties_of("AWS::RDS::DBInstance")
    (parameters,) = aws.properties_of("AWS::RDS::DBParameterGroup")

    assert database["DBInstanceClass"] == concurrency.INSTANCE_CLASS
    assert parameters["Parameters"]["max_connections"] == str(MAX_CONNECTIONS)


def test_queues_and_reservations_keep_functions_to_their_share(aws: Synthesized) -> None:
    maxima = {bundle: aws.mapping(bundle)["ScalingConfig"]["MaximumConcurrency"] for bundle in WORKERS}

    assert maxima == concurrency.bounded_by("queue")
    assert reservations(aws) == concurrency.bounded_by("reservation")


def test_no_function_with_a_connection_is_missing(aws: Synthesized) -> None:
    connected = {b for b in aws.functions() if {"DATABASE_URL", "DATABASE_ADMIN_SECRET_ARN"} & set(aws.environment(b))}

    assert connected | {"admin"} == set(BUDGET)


def test_a_function_signs_in_by_the_role_its_share_is_counted_under(aws: Synthesized) -> None:
    for bundle in set(BUDGET) - {"migrate", "admin"}:
        role = aws.environment(bundle)["DATABASE_URL"].removeprefix("postgresql://").partition("@")[0]
        assert role == BUDGET[bundle].role


def test_an_execution_environment_holds_one_connection(aws: Synthesized) -> None:
    assert DatabaseSettings.model_fields["database_pool_size"].default == 1
    assert not [b for b in aws.functions() if "DATABASE_POOL_SIZE" in aws.environment(b)]
    assert {share.connections for name, share in BUDGET.items() if name != "migrate"} == {1}


def test_the_roles_may_hold_what_their_functions_need() -> None:
    limits = concurrency.role_limits()

    for role, limit in limits.items():
        assert limit == sum(share.total for share in BUDGET.values() if share.role == role)
    assert {role: limit > 0 for role, limit in limits.items()} == {
        "collections_app": True,
        "collections_cleanup": True,
    }


def test_another_limit_makes_the_deployment_migrate(monkeypatch: pytest.MonkeyPatch) -> None:
    before = migrations.fingerprint()
    monkeypatch.setattr(concurrency, "role_limits", lambda: {"collections_app": 7})

    assert migrations.fingerprint() != before


def test_a_queue_hands_out_to_two_at_least() -> None:
    assert min(concurrency.bounded_by("queue").values()) >= 2


def test_the_local_cloud_stays_within_the_same_budget(local: Synthesized) -> None:
    for bundle in WORKERS:
        assert local.mapping(bundle)["ScalingConfig"]["MaximumConcurrency"] <= BUDGET[bundle].at_once
    assert all(reserved <= BUDGET[bundle].at_once for bundle, reserved in reservations(local).items())


def test_an_account_without_room_for_reservations_can_do_without(bundles: Path, tmp_path: Path) -> None:
    stack = synthesize(tmp_path, cloud="aws", env="test", bundles=str(bundles), reserved_concurrency="off")

    assert reservations(stack) == {}
    assert stack.violations == []


def test_a_reservation_is_on_or_off() -> None:
    with pytest.raises(ValueError, match="on or off"):
        chosen_cloud(App(context={"reserved_concurrency": "50"}).node)
