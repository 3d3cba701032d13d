"""Sessions in DynamoDB: one turn at a time, whole or not at all, and over when they are over.

One after the other: moto checks a condition and writes in two steps, so a real race has two winners here and one on
AWS.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from app.chat.models import Session
from app.chat.store import BROKE_OFF, AlreadyBegun, Held, SessionStore
from app.platform.errors import Conflict, InvalidInput, NotFound, Unavailable
from tests.integration.conversations import LEASE_S, TTL_S, Clock, announced, session_store, sessions_table

ANNA, BERT = uuid4(), uuid4()


@pytest.fixture(scope="module")
def dynamodb() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL"):
            patch.delenv(name, raising=False)
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        patch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
        yield boto3.client("dynamodb")


@pytest.fixture
def table(dynamodb: Any) -> str:
    return sessions_table(dynamodb)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sessions(dynamodb: Any, table: str, clock: Clock) -> SessionStore:
    return session_store(dynamodb, table, clock)


def begun(sessions: SessionStore, user: UUID, session_id: UUID | None = None) -> Held:
    """A turn under way."""
    return sessions.begin(announced(sessions, user, session_id))


def turn(sessions: SessionStore, user: UUID, session_id: UUID | None = None, *, at: str = "c1") -> Session:
    """A whole turn."""
    held = begun(sessions, user, session_id)
    return sessions.commit(held, checkpoint_id=at, messages=2)


def test_a_finished_turn_makes_a_session(sessions: SessionStore, clock: Clock) -> None:
    session = turn(sessions, ANNA)

    assert sessions.get(ANNA, session.session_id) == session
    assert (session.title, session.message_count, session.checkpoint_id) == ("the first question", 2, "c1")
    assert session.created_at == session.last_activity == clock.time
    assert (session.expires_at - clock.time).total_seconds() == pytest.approx(TTL_S, abs=1)


def test_the_next_turn_goes_on_where_the_last_one_left_off(sessions: SessionStore, clock: Clock) -> None:
    first = turn(sessions, ANNA)
    clock.move(hours=3)

    held = begun(sessions, ANNA, first.session_id)
    second = sessions.commit(held, checkpoint_id="c2", messages=2)

    assert held.session.checkpoint_id == first.checkpoint_id
    assert (second.title, second.message_count, second.checkpoint_id) == ("the first question", 4, "c2")
    assert second.created_at == first.created_at
    assert (second.expires_at - first.expires_at).total_seconds() == 3 * 3600


def test_two_turns_at_once_are_one_turn_and_a_conflict(sessions: SessionStore) -> None:
    session = turn(sessions, ANNA)
    held = begun(sessions, ANNA, session.session_id)

    with pytest.raises(Conflict):
        begun(sessions, ANNA, session.session_id)
    sessions.commit(held, checkpoint_id="c2", messages=2)

    assert begun(sessions, ANNA, session.session_id).session.checkpoint_id == "c2"


def test_a_turn_that_was_given_up_leaves_the_session_as_it_was_but_for_the_question(sessions: SessionStore) -> None:
    session = turn(sessions, ANNA)

    ticket = announced(sessions, ANNA, session.session_id, question="and this one?")
    sessions.begin(ticket)
    sessions.release(ticket, "Nobody answers.")

    left = sessions.get(ANNA, session.session_id)
    assert replace(left, unanswered=None) == session
    assert left.unanswered is not None
    assert (left.unanswered.question, left.unanswered.failure) == ("and this one?", "Nobody answers.")
    assert turn(sessions, ANNA, session.session_id, at="c2").unanswered is None


def test_only_the_last_turn_can_be_replaced(sessions: SessionStore) -> None:
    session = turn(sessions, ANNA)
    turn(sessions, ANNA, session.session_id, at="c2")

    for other in (1, 3):
        with pytest.raises(Conflict, match="changed at the same time"):
            announced(sessions, ANNA, session.session_id, replaces_turn=other)
    assert sessions.get(ANNA, session.session_id).unanswered is None
    ticket = announced(sessions, ANNA, session.session_id, replaces_turn=2)
    with pytest.raises(Conflict, match="answering already"):
        announced(sessions, ANNA, session.session_id, replaces_turn=2)
    with pytest.raises(NotFound):
        announced(sessions, BERT, session.session_id, replaces_turn=2)

    kept = sessions.commit(sessions.begin(ticket), checkpoint_id="c3", messages=0)

    assert (kept.message_count, kept.checkpoint_id) == (4, "c3")


def test_a_question_tells_what_it_was_to_replace_until_another_is_asked(sessions: SessionStore) -> None:
    session = turn(sessions, ANNA)

    ticket = announced(sessions, ANNA, session.session_id, replaces_turn=1)
    under_way = sessions.get(ANNA, session.session_id).unanswered
    sessions.release(ticket, "Nobody answers.")
    failed = sessions.get(ANNA, session.session_id).unanswered
    announced(sessions, ANNA, session.session_id)
    other = sessions.get(ANNA, session.session_id).unanswered

    assert [each and (each.failure, each.replaces_turn) for each in (under_way, failed, other)] == [
        (None, 1),
        ("Nobody answers.", 1),
        (None, None),
    ]


def test_a_first_turn_that_was_given_up_is_told_and_in_no_list(sessions: SessionStore) -> None:
    ticket = announced(sessions, ANNA)
    sessions.release(ticket, "Nobody answers.")

    session = sessions.get(ANNA, ticket.session_id)
    assert session.unanswered is not None
    assert (session.message_count, session.unanswered.failure) == (0, "Nobody answers.")
    assert sessions.page(ANNA, limit=10, cursor=None) == ([], None)
    # It can be asked again there.
    assert turn(sessions, ANNA, ticket.session_id).message_count == 2


def test_a_session_is_there_from_the_moment_its_first_turn_is_announced(sessions: SessionStore) -> None:
    ticket = announced(sessions, ANNA, question="where is it?")

    session = sessions.get(ANNA, ticket.session_id)

    assert session.unanswered is not None
    assert (session.unanswered.question, session.unanswered.failure) == ("where is it?", None)
    with pytest.raises(NotFound):
        sessions.get(BERT, ticket.session_id)
    with pytest.raises(Conflict):
        announced(sessions, ANNA, ticket.session_id)


def test_a_turn_that_is_delivered_again_is_not_begun_again(sessions: SessionStore) -> None:
    ticket = announced(sessions, ANNA)
    held = sessions.begin(ticket)

    for meanwhile in (
        lambda: None,
        lambda: sessions.commit(held, checkpoint_id="c1", messages=2),
        lambda: begun(sessions, ANNA, ticket.session_id),
    ):
        meanwhile()
        with pytest.raises(AlreadyBegun):
            sessions.begin(ticket)

    assert sessions.get(ANNA, ticket.session_id).checkpoint_id == "c1"


def test_a_turn_that_comes_after_its_time_is_not_begun(sessions: SessionStore, clock: Clock) -> None:
    ticket = announced(sessions, ANNA)
    clock.move(seconds=LEASE_S + 1)

    with pytest.raises(AlreadyBegun):
        sessions.begin(ticket)

    unanswered = sessions.get(ANNA, ticket.session_id).unanswered
    assert unanswered is not None
    assert unanswered.failure == BROKE_OFF


def test_a_turn_that_gives_signs_of_life_keeps_its_session(sessions: SessionStore, clock: Clock) -> None:
    held = begun(sessions, ANNA)
    for _ in range(3):
        clock.move(seconds=LEASE_S - 1)
        assert sessions.goes_on(held.ticket)

    with pytest.raises(Conflict):
        announced(sessions, ANNA, held.ticket.session_id)

    sessions.stop(ANNA, held.ticket.session_id)
    assert not sessions.goes_on(held.ticket)


def test_a_second_message_into_a_first_turn_has_to_wait(sessions: SessionStore) -> None:
    held = begun(sessions, ANNA, None)

    with pytest.raises(Conflict):
        begun(sessions, ANNA, held.ticket.session_id)


def test_a_turn_whose_process_died_is_told_and_frees_the_session_when_its_time_is_up(
    sessions: SessionStore, clock: Clock
) -> None:
    session = turn(sessions, ANNA)
    dead = begun(sessions, ANNA, session.session_id)
    clock.move(seconds=LEASE_S + 1)

    unanswered = sessions.get(ANNA, session.session_id).unanswered
    next_one = begun(sessions, ANNA, session.session_id)

    assert unanswered is not None
    assert unanswered.failure == BROKE_OFF
    assert not sessions.goes_on(dead.ticket)
    with pytest.raises(Conflict):
        sessions.commit(dead, checkpoint_id="late", messages=2)
    sessions.release(dead.ticket, "It came too late.")
    assert sessions.commit(next_one, checkpoint_id="c2", messages=2).checkpoint_id == "c2"


def test_expired_means_gone_at_once(sessions: SessionStore, clock: Clock, dynamodb: Any, table: str) -> None:
    session = turn(sessions, ANNA)

    clock.move(seconds=TTL_S + 1)

    assert dynamodb.scan(TableName=table)["Count"] == 1  # DynamoDB has not deleted it
    for use in (
        lambda: sessions.get(ANNA, session.session_id),
        lambda: begun(sessions, ANNA, session.session_id),
        lambda: sessions.rename(ANNA, session.session_id, "x"),
    ):
        with pytest.raises(NotFound):
            use()
    assert sessions.page(ANNA, limit=10, cursor=None) == ([], None)


def test_another_users_session_is_not_there(sessions: SessionStore) -> None:
    session = turn(sessions, ANNA)

    for use in (
        lambda: sessions.get(BERT, session.session_id),
        lambda: begun(sessions, BERT, session.session_id),
        lambda: sessions.rename(BERT, session.session_id, "x"),
    ):
        with pytest.raises(NotFound, match="No such conversation"):
            use()
    sessions.remove(BERT, session.session_id)
    assert sessions.page(BERT, limit=10, cursor=None) == ([], None)
    assert sessions.get(ANNA, session.session_id) == session


def test_sessions_are_listed_last_used_first_page_by_page(sessions: SessionStore, clock: Clock) -> None:
    made = []
    for _ in range(5):
        made.append(turn(sessions, ANNA).session_id)
        clock.move(minutes=1)
    turn(sessions, ANNA, made[0])
    turn(sessions, BERT)

    pages, cursor = [], None
    while True:
        page, cursor = sessions.page(ANNA, limit=2, cursor=cursor)
        pages.append([session.session_id for session in page])
        if cursor is None:
            break

    assert pages == [[made[0], made[4]], [made[3], made[2]], [made[1]]]


def test_expired_sessions_take_no_place_on_a_page(sessions: SessionStore, clock: Clock) -> None:
    for _ in range(4):
        turn(sessions, ANNA)
    clock.move(seconds=TTL_S - 60)
    fresh = [turn(sessions, ANNA).session_id for _ in range(2)]
    clock.move(seconds=120)

    page, cursor = sessions.page(ANNA, limit=2, cursor=None)

    assert {session.session_id for session in page} == set(fresh)
    assert cursor is None


def test_somebody_elses_cursor_is_refused(sessions: SessionStore, clock: Clock) -> None:
    for _ in range(3):
        turn(sessions, ANNA)
        turn(sessions, BERT)
        clock.move(minutes=1)
    _, cursor = sessions.page(ANNA, limit=1, cursor=None)

    with pytest.raises(InvalidInput):
        sessions.page(BERT, limit=10, cursor=cursor)


@pytest.mark.parametrize("cursor", ["x", "W10", "eyJhIjoxfQ", "a" * 500, "WyIyMDI2IiwgIngiXQ", "☃"])
def test_a_forged_cursor_is_refused(sessions: SessionStore, cursor: str) -> None:
    with pytest.raises(InvalidInput):
        sessions.page(ANNA, limit=1, cursor=cursor)


def test_a_session_is_renamed_also_while_it_is_answering(sessions: SessionStore) -> None:
    session = turn(sessions, ANNA)
    held = begun(sessions, ANNA, session.session_id)

    assert sessions.rename(ANNA, session.session_id, "Bread").title == "Bread"
    assert sessions.commit(held, checkpoint_id="c2", messages=2).title == "Bread"


def test_a_turn_of_a_session_that_was_deleted_meanwhile_has_nowhere_to_go(
    sessions: SessionStore, dynamodb: Any, table: str
) -> None:
    session = turn(sessions, ANNA)
    held = begun(sessions, ANNA, session.session_id)

    sessions.remove(ANNA, session.session_id)

    with pytest.raises(Conflict):
        sessions.commit(held, checkpoint_id="c2", messages=2)
    assert dynamodb.scan(TableName=table)["Count"] == 0


def test_a_store_that_does_not_answer_is_a_passing_fault(table: str, clock: Clock) -> None:
    class Throttled:
        def get_item(self, **_: Any) -> None:
            raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "slow down"}}, "GetItem")

    with pytest.raises(Unavailable):
        session_store(Throttled(), table, clock).get(ANNA, uuid4())
