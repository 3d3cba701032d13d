"""Experiment 2: the analyzer is killed at each of the four points where something could be lost or paid twice."""

from app.platform.events import AnalysisComplete
from tests.faults.cloud import FaultCloud
from tests.faults.findings import Finding
from tests.faults.people import Prepared, photos
from tests.faults.proxy import Effect, Matches, calls, killed_after, killed_before


def killed_workers(cloud: FaultCloud, *, each: int = 3) -> list[Finding]:
    """2. SIGKILL before the vision call, after it (its reply is lost), after the commit, after publishing."""
    prepared = cloud.person().prepare(photos(4 * each))
    groups = [prepared[start::4] for start in range(4)]
    rules = [
        cloud.proxy.rule(matches, effect, times=1)
        for point, group in enumerate(groups)
        for matches, effect in (_point(point, upload) for upload in group)
    ]
    for upload in prepared:
        upload.send()
    cloud.settle()

    kills = sum(rule.applied for rule in rules)
    paid, lost = cloud.vision.paid, each
    items = len(prepared)
    return [
        Finding.count(2, f"workers killed at 4 points, {each} times each", kills, items),
        Finding.count(2, "items ready", cloud.statuses().get("ready", 0), items),
        Finding(2, "paid vision calls", str(paid), f"≤ {items} + {lost} replies lost", items <= paid <= items + lost),
        Finding.count(2, "texts paid for at the embedder", cloud.embeddings.texts.total(), items),
    ]


def _point(number: int, upload: Prepared) -> tuple[Matches, Effect]:
    looking = calls("anthropic", "messages", holding=(f"'{upload.name}'",))
    publishing = calls("events", "PutEvents", holding=(AnalysisComplete.source, upload.id))
    return [
        (looking, killed_before),
        (looking, killed_after),
        (publishing, killed_before),
        (publishing, killed_after),
    ][number]
