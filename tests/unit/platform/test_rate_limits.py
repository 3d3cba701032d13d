"""Counting a user's requests in one container and over many."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import pytest

from app.platform.errors import Unavailable
from app.platform.rate_limits import REPORT_EVERY, RateLimiter

NOON = 1_800_000_000.0  # the first second of a minute
ANNA, BEN = uuid4(), uuid4()


@dataclass
class Table:
    """Sums in memory; `is_down` makes it not answer."""

    sums: Counter[str] = field(default_factory=Counter)
    calls: int = 0
    is_down: bool = False

    def add(self, key: str, count: int, *, expires_at: int) -> int:
        assert expires_at > NOON
        self.calls += 1
        if self.is_down:
            raise Unavailable("down")
        self.sums[key] += count
        return self.sums[key]


@pytest.fixture
def table() -> Table:
    return Table()


@pytest.fixture
def container(table: Table) -> Callable[..., RateLimiter]:
    """Another container of the same function."""

    def make(per_minute: int = 30, clock: Callable[[], float] = lambda: NOON) -> RateLimiter:
        return RateLimiter(lambda: table, per_minute=per_minute, clock=clock)

    return make


def spent(limiter: RateLimiter, times: int, user: UUID = ANNA) -> list[bool]:
    return [limiter.spend(user).is_exceeded for _ in range(times)]


def test_a_user_may_make_so_many_requests_and_no_more(container: Callable[..., RateLimiter]) -> None:
    assert spent(container(per_minute=30), 32) == [False] * 30 + [True] * 2


def test_somebody_elses_requests_are_not_mine(container: Callable[..., RateLimiter]) -> None:
    limiter = container(per_minute=30)

    spent(limiter, 40, BEN)

    assert limiter.spend(ANNA).remaining == 29


def test_the_next_minute_begins_anew(container: Callable[..., RateLimiter]) -> None:
    now = [NOON + 45]
    limiter = container(per_minute=30, clock=lambda: now[0])
    spent(limiter, 31)

    exceeded = limiter.spend(ANNA)
    now[0] += 15

    assert (exceeded.is_exceeded, exceeded.reset_s) == (True, 15)
    assert not limiter.spend(ANNA).is_exceeded


def test_containers_learn_of_each_other(container: Callable[..., RateLimiter]) -> None:
    containers = [container(per_minute=100) for _ in range(5)]

    allowed = sum(not limiter.spend(ANNA).is_exceeded for _ in range(100) for limiter in containers)

    assert 100 <= allowed <= 100 + len(containers) * REPORT_EVERY


def test_who_is_not_in_a_hurry_costs_nothing(table: Table, container: Callable[..., RateLimiter]) -> None:
    spent(container(), REPORT_EVERY - 1)

    assert table.calls == 0


def test_one_request_in_ten_is_reported(table: Table, container: Callable[..., RateLimiter]) -> None:
    spent(container(per_minute=1000), 100)

    assert table.calls == 10
    assert list(table.sums.values()) == [100]


def test_while_the_table_is_down_a_container_goes_by_itself(
    table: Table, container: Callable[..., RateLimiter]
) -> None:
    table.is_down = True

    assert spent(container(per_minute=30), 32) == [False] * 30 + [True] * 2


def test_threads_do_not_lose_requests(table: Table, container: Callable[..., RateLimiter]) -> None:
    limiter = container(per_minute=10_000)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: limiter.spend(ANNA), range(2000)))

    assert limiter.spend(ANNA).remaining == 10_000 - 2001
    assert list(table.sums.values()) == [2000]


def test_the_headers_say_what_is_left(container: Callable[..., RateLimiter]) -> None:
    assert container(per_minute=30, clock=lambda: NOON + 18).spend(ANNA).headers() == [
        (b"ratelimit-limit", b"30"),
        (b"ratelimit-remaining", b"29"),
        (b"ratelimit-reset", b"42"),
        (b"ratelimit-policy", b"30;w=60"),
    ]


def test_it_says_beforehand_which_request_the_table_will_hear_of(
    container: Callable[..., RateLimiter], table: Table
) -> None:
    limiter = container()
    for number in range(1, 3 * REPORT_EVERY + 1):
        is_due, calls = limiter.is_due(ANNA), table.calls
        limiter.spend(ANNA)
        assert is_due == (number % REPORT_EVERY == 0)
        assert table.calls == calls + is_due
        assert not limiter.is_due(BEN)
