"""Connecting, disconnecting, and who is told what; connections in DynamoDB by moto."""

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar
from uuid import UUID, uuid4

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from moto import mock_aws

from app.items.models import Item, ItemRef, Status
from app.platform import wiring
from app.platform.auth import Caller
from app.platform.errors import NotAuthenticated, Unavailable
from app.platform.events import ItemFailed, ItemReady
from app.realtime import service
from app.realtime.gateway import WebSocketGateway
from app.realtime.models import Connection
from app.realtime.store import ConnectionStore
from lambdas.realtime.handler import handler
from tests.fakes import MemoryItems, an_item, envelope

TABLE = "connections"
USER, STRANGER = uuid4(), uuid4()


@pytest.fixture(scope="module")
def dynamodb() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        patch.delenv("AWS_ENDPOINT_URL", raising=False)
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        client = boto3.client("dynamodb", region_name="eu-central-1")
        client.create_table(
            TableName=TABLE,
            KeySchema=[{"AttributeName": "connection_id", "KeyType": "HASH"}],
            AttributeDefinitions=[
                {"AttributeName": "connection_id", "AttributeType": "S"},
                {"AttributeName": "user_id", "AttributeType": "S"},
            ],
            GlobalSecondaryIndexes=[
                {
                    "IndexName": "user_id-index",
                    "KeySchema": [{"AttributeName": "user_id", "KeyType": "HASH"}],
                    "Projection": {"ProjectionType": "ALL"},
                }
            ],
            BillingMode="PAY_PER_REQUEST",
        )
        yield client


@pytest.fixture
def connections(dynamodb: Any) -> Iterator[ConnectionStore]:
    yield ConnectionStore(dynamodb, TABLE, ttl_seconds=3600)
    for entry in dynamodb.scan(TableName=TABLE)["Items"]:
        dynamodb.delete_item(TableName=TABLE, Key={"connection_id": entry["connection_id"]})


class Verifier:
    """Knows one good token."""

    def verify(self, token: str) -> Caller:
        if token == "down":
            raise Unavailable("The identity provider does not answer.")
        if token != "good":
            raise NotAuthenticated("The token is not valid (any more).")
        return Caller(USER)


class Accounts:
    """Knows who has left."""

    left: ClassVar[set[UUID]] = set()

    def is_deleted(self, user_id: UUID) -> bool:
        return user_id in self.left


class Gone(Exception):
    """What API Gateway answers for a connection that is closed."""


@dataclass
class ManagementApi:
    """API Gateway's side of `PostToConnection`: some connections are gone, some break."""

    gone: set[str] = field(default_factory=set)
    broken: Mapping[str, Exception] = field(default_factory=dict)
    sent: list[tuple[str, Any]] = field(default_factory=list)

    class exceptions:  # noqa: N801  # as boto3 names it
        GoneException = Gone

    def post_to_connection(self, *, ConnectionId: str, Data: bytes) -> None:  # noqa: N803  # boto3's names
        if ConnectionId in self.gone:
            raise Gone
        if ConnectionId in self.broken:
            raise self.broken[ConnectionId]
        self.sent.append((ConnectionId, json.loads(Data)))

    def delete_connection(self, *, ConnectionId: str) -> None:  # noqa: N803
        if ConnectionId in self.gone:
            raise Gone
        if ConnectionId in self.broken:
            raise self.broken[ConnectionId]
        self.gone.add(ConnectionId)


def ids(connections: ConnectionStore, user_id: UUID = USER) -> set[str]:
    return {connection.connection_id for connection in connections.of_user(user_id)}


# --- the table --------------------------------------------------------------------------------------------------------


def test_connections_are_kept_by_user(connections: ConnectionStore) -> None:
    connections.add(Connection("laptop", USER))
    connections.add(Connection("phone", USER))
    connections.add(Connection("elsewhere", STRANGER))

    assert ids(connections) == {"laptop", "phone"}
    assert ids(connections, STRANGER) == {"elsewhere"}
    assert ids(connections, uuid4()) == set()


def test_removing_is_final_and_may_be_repeated(connections: ConnectionStore) -> None:
    connections.add(Connection("laptop", USER))

    connections.remove("laptop")
    connections.remove("laptop")

    assert ids(connections) == set()


def test_what_has_expired_is_not_waited_for_dynamodb_to_delete(dynamodb: Any, connections: ConnectionStore) -> None:
    ConnectionStore(dynamodb, TABLE, ttl_seconds=-1).add(Connection("old", USER))
    connections.add(Connection("new", USER))

    assert ids(connections) == {"new"}


def test_entries_carry_the_time_to_live_in_seconds(dynamodb: Any, connections: ConnectionStore) -> None:
    connections.add(Connection("laptop", USER))

    entry = dynamodb.get_item(TableName=TABLE, Key={"connection_id": {"S": "laptop"}})["Item"]

    assert int(entry["ttl"]["N"]) == pytest.approx(time.time() + 3600, abs=5)


def test_a_connection_is_nobodys_once_its_token_has_expired(connections: ConnectionStore) -> None:
    connections.add(Connection("fresh", USER), expires_at=time.time() + 60)
    connections.add(Connection("stale", USER), expires_at=time.time() - 1)

    assert connections.owner("fresh") == USER
    assert connections.owner("stale") is None
    assert connections.owner("unknown") is None
    assert ids(connections) == {"fresh"}


def test_more_connections_than_fit_on_a_page_are_all_found(dynamodb: Any) -> None:
    class OnePerPage:
        """DynamoDB with very small pages."""

        def get_paginator(self, name: str) -> Any:
            paginator = dynamodb.get_paginator(name)
            paginate = paginator.paginate
            paginator.paginate = lambda **asked: paginate(**asked, PaginationConfig={"PageSize": 1})
            return paginator

        def __getattr__(self, name: str) -> Any:
            return getattr(dynamodb, name)

    connections = ConnectionStore(OnePerPage(), TABLE, ttl_seconds=3600)
    user_id = uuid4()
    for number in range(5):
        connections.add(Connection(f"many-{number}", user_id))

    assert len(connections.of_user(user_id)) == 5


# --- announcing -------------------------------------------------------------------------------------------------------


def announce(item: Item, connections: ConnectionStore, api: ManagementApi) -> int:
    return service.announce(item.ref, items=MemoryItems(item), connections=connections, gateway=WebSocketGateway(api))


def test_every_window_of_the_owner_is_told_and_nobody_elses(connections: ConnectionStore) -> None:
    connections.add(Connection("laptop", USER))
    connections.add(Connection("phone", USER))
    connections.add(Connection("elsewhere", STRANGER))
    item, api = an_item(user_id=USER, status=Status.READY), ManagementApi()

    reached = announce(item, connections, api)

    message = {"type": "item.status", "item_id": str(item.item_id), "status": "ready"}
    assert reached == 2
    assert sorted(api.sent) == [("laptop", message), ("phone", message)]


def test_a_failed_item_is_announced_with_its_error(connections: ConnectionStore) -> None:
    connections.add(Connection("laptop", USER))
    item = an_item(
        user_id=USER,
        status=Status.FAILED,
        error_stage="image_processor",
        error_code="not_an_image",
        error_message="This is no image.",
    )
    api = ManagementApi()

    announce(item, connections, api)

    assert api.sent[0][1]["error"] == {
        "stage": "image_processor",
        "code": "not_an_image",
        "message": "This is no image.",
    }


def test_windows_that_are_gone_are_forgotten(connections: ConnectionStore) -> None:
    for name in ("closed", "open"):
        connections.add(Connection(name, USER))
    api = ManagementApi(gone={"closed"})

    reached = announce(an_item(user_id=USER), connections, api)

    assert reached == 1
    assert ids(connections) == {"open"}


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "LimitExceededException", "Message": "slow"}}, "PostToConnection"),
        EndpointConnectionError(endpoint_url="https://ws.example.com"),
    ],
)
def test_one_window_that_cannot_be_reached_keeps_no_other_from_hearing(
    connections: ConnectionStore, error: Exception
) -> None:
    for name in ("broken", "open"):
        connections.add(Connection(name, USER))
    api = ManagementApi(broken={"broken": error})

    announce(an_item(user_id=USER), connections, api)

    assert [name for name, _ in api.sent] == ["open"]
    assert ids(connections) == {"broken", "open"}


def test_an_item_that_is_deleted_by_now_is_not_announced(connections: ConnectionStore) -> None:
    connections.add(Connection("laptop", USER))
    api = ManagementApi()

    reached = service.announce(
        ItemRef(USER, uuid4(), 1), items=MemoryItems(), connections=connections, gateway=WebSocketGateway(api)
    )

    assert (reached, api.sent) == (0, [])


def test_an_upload_that_turned_out_to_be_another_item_is_announced_with_its_name(connections: ConnectionStore) -> None:
    connections.add(Connection("laptop", USER))
    api, items, first, copy = ManagementApi(), MemoryItems(), an_item(user_id=USER), uuid4()
    items.duplicates[copy] = first

    service.announce(ItemRef(USER, copy, 1), items=items, connections=connections, gateway=WebSocketGateway(api))

    assert [message for _, message in api.sent] == [
        {"type": "item.status", "item_id": str(copy), "status": "duplicate", "duplicate_of": str(first.item_id)}
    ]


def test_a_connection_is_ended_once_and_one_that_cannot_be_reached_holds_nobody_up() -> None:
    api = ManagementApi(broken={"broken": EndpointConnectionError(endpoint_url="https://live.example.com")})

    for connection_id in ("open", "open", "broken"):
        WebSocketGateway(api).close(connection_id)

    assert api.gone == {"open"}


# --- the function -----------------------------------------------------------------------------------------------------


@pytest.fixture
def api(connections: ConnectionStore, monkeypatch: pytest.MonkeyPatch) -> ManagementApi:
    """The function's collaborators, replaced."""
    api = ManagementApi()
    monkeypatch.setattr(wiring, "connections", lambda: connections)
    monkeypatch.setattr(wiring, "token_verifier", Verifier)
    monkeypatch.setattr(wiring, "account", Accounts)
    monkeypatch.setattr(wiring, "websocket_gateway", lambda: WebSocketGateway(api))
    return api


def socket_event(route: str, query: Mapping[str, str] | None = None) -> dict[str, Any]:
    event: dict[str, Any] = {"requestContext": {"routeKey": route, "connectionId": "laptop"}}
    # API Gateway leaves the key out, or sends null, when there is no query string.
    return event | ({"queryStringParameters": dict(query)} if query is not None else {})


@pytest.mark.usefixtures("api")
def test_a_good_token_connects(connections: ConnectionStore) -> None:
    answer = handler(socket_event("$connect", {"token": "good"}), None)

    assert answer == {"statusCode": 200}
    assert ids(connections) == {"laptop"}


@pytest.mark.usefixtures("api")
@pytest.mark.parametrize("query", [{"token": "bad"}, {"token": ""}, {"another": "good"}, {}, None])
def test_any_other_token_is_refused_and_nothing_remembered(
    connections: ConnectionStore, query: Mapping[str, str] | None
) -> None:
    answer = handler(socket_event("$connect", query), None)

    assert answer == {"statusCode": 401}
    assert ids(connections) == set()


@pytest.mark.usefixtures("api")
def test_somebody_who_has_left_does_not_come_back_with_an_old_token(
    connections: ConnectionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Accounts, "left", {USER})

    answer = handler(socket_event("$connect", {"token": "good"}), None)

    assert answer == {"statusCode": 401}
    assert ids(connections) == set()


@pytest.mark.usefixtures("api")
def test_a_query_string_that_is_null_is_no_token() -> None:
    event = socket_event("$connect") | {"queryStringParameters": None}

    assert handler(event, None) == {"statusCode": 401}


@pytest.mark.usefixtures("api")
def test_while_the_identity_provider_is_down_clients_may_try_again(connections: ConnectionStore) -> None:
    answer = handler(socket_event("$connect", {"token": "down"}), None)

    assert answer == {"statusCode": 503}
    assert ids(connections) == set()


@pytest.mark.usefixtures("api")
def test_disconnecting_forgets_the_connection(connections: ConnectionStore) -> None:
    handler(socket_event("$connect", {"token": "good"}), None)

    answer = handler(socket_event("$disconnect"), None)

    assert answer == {"statusCode": 200}
    assert ids(connections) == set()


@pytest.mark.parametrize("event", [ItemReady, ItemFailed])
def test_an_event_reaches_the_owners_windows(
    api: ManagementApi, connections: ConnectionStore, monkeypatch: pytest.MonkeyPatch, event: Any
) -> None:
    item = an_item(user_id=USER, status=Status.READY)
    monkeypatch.setattr(wiring, "items", lambda: MemoryItems(item))
    connections.add(Connection("laptop", USER))

    answer = handler(envelope(event(item.user_id, item.item_id, item.generation)), None)

    assert answer == {"reached": 1}
    assert [name for name, _ in api.sent] == ["laptop"]
