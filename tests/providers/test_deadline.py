import time

import pytest

from app.platform.errors import Unavailable
from app.platform.providers import Deadline


def test_what_is_done_in_time_gives_its_result() -> None:
    assert Deadline(5).run(lambda: 42, provider="Any") == 42


def test_what_fails_in_time_fails_as_it_would_without_a_deadline() -> None:
    def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Deadline(5).run(fail, provider="Any")


def test_what_takes_too_long_is_left_behind() -> None:
    started = time.monotonic()

    with pytest.raises(Unavailable, match="Any did not answer in time"):
        Deadline(0.1).run(lambda: time.sleep(1), provider="Any")

    assert time.monotonic() - started < 0.8


def test_when_time_is_up_nothing_is_begun() -> None:
    begun: list[bool] = []

    with pytest.raises(Unavailable):
        Deadline(0).run(lambda: begun.append(True), provider="Any")

    assert begun == []
