"""What all tests share: how they are dealt out to several processes (`-n`), and Hypothesis without a clock."""

from pathlib import PurePath
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling

# Folders whose tests share what is there only once, or is dear: a deployed cloud with its port and its state,
# installed bundles, synthesized stacks.
TOGETHER = {"e2e", "faults", "infrastructure", "packaging"}
# What has a cloud of its own.
ALONE = {"test_deploys.py", "test_web.py"}

# First what takes longest, the clouds that are deployed. The faults' own comes later: it is the one that has to work in
# time, and four that start at once leave each other none.
ORDER = ("e2e", "infrastructure", "integration", "faults")

# A slow machine is no finding.
settings.register_profile("tests", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tests")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: place_of(item.nodeid))


def place_of(path: str) -> int:
    _tests, folder, *_ = PurePath(path).parts
    return ORDER.index(folder) if folder in ORDER else len(ORDER)


class ByGroup(LoadScopeScheduling):
    """A process runs a whole group, in the order of its tests."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid.partition("::")[0])


def group_of(path: str) -> str:
    """The group of a file: its folder where that shares something, or else the file alone."""
    _tests, folder, *_, name = PurePath(path).parts
    return folder if folder in TOGETHER and name not in ALONE else path


# Not by xdist's own marks (--dist=loadgroup): its release 3.8 loses them with pytest 9.2, and says nothing.
@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByGroup:
    return ByGroup(config, log)
