import gc
from collections.abc import Iterator

import pytest

from app.platform.lasting import lasting


@pytest.fixture(autouse=True)
def thawed() -> Iterator[None]:
    yield
    gc.unfreeze()


def tracked(made: object) -> bool:
    """Whether the garbage collector looks through it."""
    return any(each is made for each in gc.get_objects())


def test_what_is_made_within_is_not_looked_through_and_what_comes_after_is() -> None:
    with lasting():
        made: list[object] = [object()]
        assert not gc.isenabled()
    after: list[object] = [object()]

    assert gc.isenabled()
    assert not tracked(made)
    assert tracked(after)


def test_what_fails_within_leaves_the_collector_running() -> None:
    with pytest.raises(ZeroDivisionError), lasting():
        raise ZeroDivisionError

    assert gc.isenabled()
