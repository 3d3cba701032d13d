"""The four experiments that gate a release, with few items: `make faults` runs all of them with many."""

from collections.abc import Callable
from functools import partial

from tests.faults import crashes, deletes, delivery
from tests.faults.cloud import FaultCloud
from tests.faults.findings import Finding
from tests.faults.run import perform


def broken(cloud: FaultCloud, number: int, run: Callable[[FaultCloud], list[Finding]]) -> list[Finding]:
    findings = perform(number, cloud, run)
    assert len(findings) > 1
    return [finding for finding in findings if not finding.holds]


def test_an_event_that_comes_three_times_has_one_effect(fault_cloud: FaultCloud) -> None:
    assert broken(fault_cloud, 1, partial(delivery.repeated_events, items=2, copies=3)) == []


def test_killing_the_analyzer_at_four_points_loses_nothing_and_pays_for_lost_replies_only(
    fault_cloud: FaultCloud,
) -> None:
    assert broken(fault_cloud, 2, partial(crashes.killed_workers, each=1)) == []


def test_refused_and_lost_publishes_leave_nothing_stuck(fault_cloud: FaultCloud) -> None:
    assert broken(fault_cloud, 3, partial(delivery.lost_publishes, items=3)) == []


def test_items_deleted_on_their_way_leave_nothing_behind(fault_cloud: FaultCloud) -> None:
    assert broken(fault_cloud, 10, partial(deletes.deleted_on_the_way, items=8, within_s=2)) == []
