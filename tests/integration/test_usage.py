"""What is used and what it costs, in real PostgreSQL: reserved before, settled after, never beyond a limit."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from threading import Barrier
from uuid import UUID, uuid4

import psycopg
import pytest

from app.cleanup.store import UsageCleanupStore
from app.platform.database import Database
from app.platform.errors import NotAuthenticated, Paused, QuotaExceeded
from app.platform.settings import DatabaseSettings
from app.platform.spending import Spent, paid
from app.usage import service
from app.usage.models import Kind, Terms, Usage
from app.usage.store import StoredQuota, UsageStore

FREE = Terms(Kind.ANALYSES, per_day=5, most_usd=Decimal(0), budget_usd=Decimal(100))
PAID = replace(FREE, per_day=1000, most_usd=Decimal("0.5"), budget_usd=Decimal(100))


@pytest.fixture
def usage(database_pool: Database) -> UsageStore:
    return UsageStore(database_pool)


@pytest.fixture
def swept(cleanup_pool: Database) -> UsageCleanupStore:
    return UsageCleanupStore(cleanup_pool)


@pytest.fixture(autouse=True)
def a_new_month(owner: psycopg.Connection) -> Iterator[None]:
    """The budget is everybody's: each test has one of its own."""
    owner.execute("DELETE FROM usage_days")
    owner.execute("DELETE FROM budget_months")
    yield
    owner.execute("DELETE FROM usage_days")
    owner.execute("DELETE FROM deleted_users")


def reserve(database: Database, user_id: UUID, terms: Terms, key: UUID | None = None, *, seconds: int = 60) -> UUID:
    key = key or uuid4()
    with database.tenant(user_id) as connection:
        StoredQuota(database, terms).reserve(connection, user_id, key, seconds=seconds)
    return key


def settle(database: Database, user_id: UUID, key: UUID, spent: Spent | None, terms: Terms = PAID) -> None:
    with database.tenant(user_id) as connection:
        StoredQuota(database, terms).settle(connection, user_id, key, spent)


def budget(owner: psycopg.Connection) -> tuple[Decimal, Decimal]:
    """Reserved and spent, in US dollars."""
    row = owner.execute("SELECT sum(reserved_usd), sum(spent_usd) FROM budget_months").fetchone()
    assert row
    return row[0] or Decimal(0), row[1] or Decimal(0)


def count(found: Usage, kind: Kind = Kind.ANALYSES) -> int:
    return found.today[kind].count


def taken_at_once(app_url: str, terms: Terms, *, who: Callable[[], UUID]) -> int:
    """How many of twenty who ask at the same moment get a unit."""
    together = Barrier(20)
    database = Database(DatabaseSettings(database_url=app_url, database_pool_size=20))

    def take(_: int) -> bool:
        together.wait()
        try:
            reserve(database, who(), terms)
        except QuotaExceeded:
            return False
        return True

    with ThreadPoolExecutor(20) as threads:
        taken = sum(threads.map(take, range(20)))
    database.close()
    return taken


def test_of_many_who_want_the_last_five_at_once_five_get_them(
    app_url: str, usage: UsageStore, user_id: UUID, owner: psycopg.Connection
) -> None:
    taken = taken_at_once(app_url, FREE, who=lambda: user_id)

    assert taken == 5
    assert count(usage.usage(user_id)) == 5


def test_of_many_users_who_want_the_last_of_the_budget_at_once_it_is_enough_for_five(
    app_url: str, owner: psycopg.Connection
) -> None:
    taken = taken_at_once(app_url, replace(PAID, budget_usd=Decimal("2.7")), who=uuid4)

    assert taken == 5
    assert budget(owner) == (Decimal("2.5"), 0)


def test_what_was_refused_by_the_budget_is_not_counted_for_the_day(
    database_pool: Database, usage: UsageStore, user_id: UUID
) -> None:
    with pytest.raises(QuotaExceeded, match=r"budget of 0\.40 USD"):
        reserve(database_pool, user_id, replace(PAID, budget_usd=Decimal("0.4")))

    assert count(usage.usage(user_id)) == 0


def test_the_same_work_is_counted_once_however_often_it_is_begun(
    database_pool: Database, usage: UsageStore, user_id: UUID, owner: psycopg.Connection
) -> None:
    key = uuid4()

    for _ in range(7):
        reserve(database_pool, user_id, replace(PAID, per_day=1), key)

    assert count(usage.usage(user_id)) == 1
    assert budget(owner) == (Decimal("0.5"), 0)


def test_what_was_reserved_becomes_what_was_spent(
    database_pool: Database, usage: UsageStore, user_id: UUID, owner: psycopg.Connection
) -> None:
    key = reserve(database_pool, user_id, PAID)

    settle(database_pool, user_id, key, Spent(1000, 200, Decimal("0.004")))

    found = usage.usage(user_id)
    assert found.today == found.month
    assert found.today[Kind.ANALYSES].count == 1
    assert found.today[Kind.ANALYSES].spent == Spent(1000, 200, Decimal("0.004"))
    assert found.today[Kind.CHATS].count == 0
    assert budget(owner) == (0, Decimal("0.004"))


def test_what_was_not_used_is_given_back(
    database_pool: Database, usage: UsageStore, user_id: UUID, owner: psycopg.Connection
) -> None:
    key = reserve(database_pool, user_id, PAID)

    settle(database_pool, user_id, key, None)
    settle(database_pool, user_id, key, None)

    assert count(usage.usage(user_id)) == 0
    assert budget(owner) == (0, 0)


def test_a_reservation_whose_holder_died_is_swept_up_when_it_has_expired(
    database_pool: Database, usage: UsageStore, swept: UsageCleanupStore, user_id: UUID, owner: psycopg.Connection
) -> None:
    reserve(database_pool, user_id, PAID, seconds=-1)
    alive = reserve(database_pool, user_id, PAID)

    assert swept.release_expired() == 1
    assert swept.release_expired() == 0

    assert count(usage.usage(user_id)) == 1
    assert budget(owner) == (Decimal("0.5"), 0)
    settle(database_pool, user_id, alive, Spent(cost_usd=Decimal("0.1")))
    assert budget(owner) == (0, Decimal("0.1"))


def test_what_is_settled_after_it_was_swept_up_is_booked_all_the_same(
    database_pool: Database, usage: UsageStore, swept: UsageCleanupStore, user_id: UUID, owner: psycopg.Connection
) -> None:
    key = reserve(database_pool, user_id, PAID, seconds=-1)
    swept.release_expired()

    settle(database_pool, user_id, key, Spent(10, 20, Decimal("0.3")))

    assert count(usage.usage(user_id)) == 1
    assert budget(owner) == (0, Decimal("0.3"))


def test_what_nobody_charges_for_is_counted_and_needs_no_budget(
    database_pool: Database, usage: UsageStore, user_id: UUID, owner: psycopg.Connection
) -> None:
    terms = replace(FREE, budget_usd=Decimal(0), is_paused=True)

    key = reserve(database_pool, user_id, terms)
    settle(database_pool, user_id, key, Spent())

    assert count(usage.usage(user_id)) == 1
    assert budget(owner) == (0, 0)


def test_while_paid_calls_are_off_nothing_is_reserved(
    database_pool: Database, usage: UsageStore, user_id: UUID
) -> None:
    with pytest.raises(Paused):
        reserve(database_pool, user_id, replace(PAID, is_paused=True))

    assert count(usage.usage(user_id)) == 0


def test_yesterday_is_another_day_and_last_month_another_month(
    database_pool: Database, usage: UsageStore, user_id: UUID, owner: psycopg.Connection
) -> None:
    for days in (1, 32):
        owner.execute(
            "INSERT INTO usage_days (user_id, day, kind, used)"
            " VALUES (%s, (now() AT TIME ZONE 'utc')::date - %s::int, 'analyses', 5)",
            [user_id, days],
        )

    reserve(database_pool, user_id, FREE)

    today_is_the_first = owner.execute("SELECT extract(day FROM now() AT TIME ZONE 'utc') = 1").fetchone() == (True,)
    found = usage.usage(user_id)
    assert count(found) == 1
    assert found.month[Kind.ANALYSES].count == (1 if today_is_the_first else 6)


def test_a_limit_says_what_it_is_and_when_it_begins_anew(database_pool: Database, user_id: UUID) -> None:
    for _ in range(5):
        reserve(database_pool, user_id, FREE)

    with pytest.raises(QuotaExceeded, match=r"At most 5 analyses a day \(UTC\)") as refused:
        reserve(database_pool, user_id, FREE)

    assert 0 < refused.value.retry_after <= 24 * 3600 + 1


def test_the_door_refuses_what_the_day_has_no_room_for(
    database_pool: Database, usage: UsageStore, user_id: UUID
) -> None:
    for _ in range(3):
        reserve(database_pool, user_id, FREE)

    service.admit(user_id, 2, terms=FREE, usage=usage)
    with pytest.raises(QuotaExceeded, match="2 are left today"):
        service.admit(user_id, 3, terms=FREE, usage=usage)


def test_the_door_to_paid_calls_knows_the_budget_and_the_switch(
    database_pool: Database, usage: UsageStore, user_id: UUID
) -> None:
    terms = replace(PAID, budget_usd=Decimal("0.7"))
    service.admit_paid(user_id, 1, terms=terms, usage=usage)
    reserve(database_pool, user_id, terms)

    with pytest.raises(QuotaExceeded, match="budget"):
        service.admit_paid(user_id, 1, terms=terms, usage=usage)
    with pytest.raises(Paused):
        service.admit_paid(user_id, 1, terms=replace(terms, is_paused=True), usage=usage)


def test_a_call_that_somebody_waits_for_is_reserved_and_settled(
    database_pool: Database, usage: UsageStore, user_id: UUID, owner: psycopg.Connection
) -> None:
    terms = replace(PAID, kind=Kind.EMBEDDINGS)

    with service.paying(user_id, quota=usage.quota(terms), database=database_pool):
        held = budget(owner)
        paid("voyage-3.5-lite", input_tokens=1_000_000)

    assert held == (Decimal("0.5"), 0)
    assert budget(owner) == (0, Decimal("0.02"))
    assert count(usage.usage(user_id), Kind.EMBEDDINGS) == 1


@pytest.mark.parametrize(("tokens", "counted"), [(0, 0), (1_000_000, 1)])
def test_a_call_that_fails_takes_a_unit_only_if_it_was_paid_for(
    database_pool: Database, usage: UsageStore, user_id: UUID, tokens: int, counted: int, owner: psycopg.Connection
) -> None:
    quota = usage.quota(replace(PAID, kind=Kind.CHATS))

    def chat() -> None:
        with service.paying(user_id, quota=quota, database=database_pool):
            paid("voyage-3.5-lite", input_tokens=tokens)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        chat()

    assert count(usage.usage(user_id), Kind.CHATS) == counted
    assert budget(owner)[0] == 0


def test_nobody_sees_or_changes_what_another_tenant_used(
    database_pool: Database, usage: UsageStore, user_id: UUID
) -> None:
    stranger = uuid4()
    key = reserve(database_pool, user_id, FREE)

    settle(database_pool, stranger, key, None)
    with database_pool.tenant(stranger) as connection:
        for table in ("usage_days", "usage_reservations"):
            assert connection.execute(f"SELECT * FROM {table}".encode()).fetchall() == []
            assert connection.execute(f"DELETE FROM {table}".encode()).rowcount == 0

    assert count(usage.usage(stranger)) == 0
    assert count(usage.usage(user_id)) == 1
    with pytest.raises(psycopg.errors.InsufficientPrivilege), database_pool.tenant(stranger) as connection:
        StoredQuota(database_pool, FREE).reserve(connection, user_id, uuid4(), seconds=60)


def test_who_has_left_uses_nothing_and_holds_nothing_of_the_budget(
    database_pool: Database, user_id: UUID, owner: psycopg.Connection
) -> None:
    reserve(database_pool, user_id, PAID)
    with database_pool.tenant(user_id) as connection:
        connection.execute("INSERT INTO deleted_users (user_id) VALUES (%s)", [user_id])
        connection.execute("DELETE FROM usage_days WHERE user_id = %s", [user_id])

    with pytest.raises(NotAuthenticated):
        reserve(database_pool, user_id, PAID)

    assert budget(owner) == (0, 0)
    assert owner.execute("SELECT count(*) FROM usage_reservations WHERE user_id = %s", [user_id]).fetchone() == (0,)
