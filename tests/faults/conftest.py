"""A cloud of the experiments' own for the session, stopped at its end."""

from collections.abc import Iterator

import pytest

from tests.faults.cloud import FaultCloud, running


@pytest.fixture(scope="session")
def fault_cloud() -> Iterator[FaultCloud]:
    with running() as cloud:
        yield cloud
