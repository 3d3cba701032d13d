"""A local cloud of the tests' own, brought up with the commands that users type, and taken down afterwards.

Its state is kept in `.local-test/`, beside the developer's `.local/`, so that only the first run starts from nothing.
"""

from collections.abc import Callable, Iterator

import pytest

from tests.e2e.collection import Collection
from tests.e2e.local_cloud import LocalCloud, brought_up, sign_in


@pytest.fixture(scope="session")
def first_words() -> Iterator[str]:
    with brought_up() as words:
        yield words


@pytest.fixture(scope="session")
def cloud(first_words: str) -> LocalCloud:
    return LocalCloud.deployed()


@pytest.fixture
def new_user(cloud: LocalCloud) -> Iterator[Callable[[], Collection]]:
    """Makes users who can sign in; what they stored is deleted again."""
    made: list[Collection] = []

    def make() -> Collection:
        made.append(Collection(cloud.http(sign_in(cloud)), cloud))
        return made[-1]

    yield make
    for collection in made:
        collection.delete_all()
        collection.api.close()


@pytest.fixture
def user(new_user: Callable[[], Collection]) -> Collection:
    return new_user()
