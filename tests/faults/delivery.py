"""Experiments on events: repeated, refused, lost, out of order."""

import random
import time
import uuid

from app.platform.events import AnalysisComplete, ImageProcessed, ImageUploaded, ItemEvent
from tests.faults.cloud import STAGES, STUCK_AFTER_S, FaultCloud, envelope, eventually
from tests.faults.findings import Finding
from tests.faults.people import Prepared, noise, photos
from tests.faults.proxy import (
    calls,
    first_of_each,
    hung_up_after,
    hung_up_before,
    last_copies,
    refused_events,
    repeated,
    swallowed_events,
)
from tests.stub_providers import slow

PUBLISHES = calls("events", "PutEvents")
_WITHIN_S = 3.0
_STAGE_OF: dict[type[ItemEvent], str] = {
    ImageUploaded: "ImageProcessor",
    ImageProcessed: "Analyzer",
    AnalysisComplete: "Embedder",
}


def repeated_events(cloud: FaultCloud, *, items: int = 10, copies: int = 5) -> list[Finding]:
    """1. Every event `copies` times, shuffled, to as many workers as there are copies."""
    for stage in STAGES:
        cloud.widen(stage, copies)
    cloud.proxy.rule(first_of_each(PUBLISHES), repeated(copies, within_s=_WITHIN_S))
    uploads = cloud.person().upload(photos(items))
    again = [upload.key for upload in uploads] * (copies - 1)
    random.shuffle(again)
    for key in again:
        cloud.send("ImageProcessor", cloud.uploaded_envelope(key))
    cloud.settle()
    last_copies()
    cloud.settle()

    counts = cloud.rows("SELECT (SELECT count(*) FROM analyses), (SELECT count(*) FROM item_search)")[0]
    return [
        Finding.count(1, f"{items} items, every event {copies} times: items ready", _ready(cloud), items),
        Finding.count(1, "analyses, one per item", counts[0], items),
        Finding.count(1, "search rows, one per item", counts[1], items),
        Finding.count(1, "paid vision calls", cloud.vision.paid, items),
        Finding.count(1, "texts paid for at the embedder", cloud.embeddings.texts.total(), items),
    ]


def lost_publishes(
    cloud: FaultCloud, *, items: int = 20, refused: float = 0.3, swallowed: float = 0.2
) -> list[Finding]:
    """3. `PutEvents` answers 200 and refuses entries; targets that are down get nothing. Then all is well again."""
    # So that there is at least one of each, however few items.
    refusals = [cloud.proxy.rule(PUBLISHES, refused_events, times=1)]
    losses = [cloud.proxy.rule(PUBLISHES, swallowed_events, times=1)]
    refusals.append(cloud.proxy.rule(PUBLISHES, refused_events, share=refused))
    losses.append(cloud.proxy.rule(PUBLISHES, swallowed_events, share=swallowed))
    # And the ordinary bad line: the request is lost, or only its answer is.
    for effect in (hung_up_before, hung_up_after):
        cloud.proxy.rule(PUBLISHES, effect, share=0.1)
    cloud.person().upload(photos(items))
    eventually(lambda: cloud.is_quiet() and not cloud.rows(SELECT_LEASED)[0][0] and cloud.is_quiet())
    stuck = cloud.moving()
    cloud.proxy.clear()
    time.sleep(STUCK_AFTER_S + 1)
    resumed = cloud.sweep()["resumed"]
    cloud.settle()

    count = sum(rule.applied for rule in refusals), sum(rule.applied for rule in losses)
    return [
        Finding.count(3, f"{count[0]} publishes refused, {count[1]} lost: items ready", _ready(cloud), items),
        Finding.count(3, "of these stopped, until cleanup came: resumed", resumed, stuck),
        Finding.count(3, "items stuck after that", cloud.moving(), 0),
        Finding.count(3, "paid vision calls", cloud.vision.paid, items),
    ]


def out_of_order(cloud: FaultCloud, *, items: int = 6) -> list[Finding]:
    """4. Events that come too early, of an old generation, of one that never was, and of nobody's item."""
    person = cloud.person()
    prepared = person.prepare(photos(items))
    for early in prepared:
        _announce(cloud, AnalysisComplete, person.id, early.id, 1)
        _announce(cloud, ImageProcessed, person.id, early.id, 1)
    eventually(cloud.is_quiet)
    too_early = cloud.vision.calls + cloud.embeddings.calls

    cloud.vision.default = slow(1.5)
    for each in prepared:
        each.send()
    replaced = _replaced_while_analyzed(cloud, prepared)
    cloud.settle()
    calls_before = cloud.vision.calls + cloud.embeddings.calls
    for event in _STAGE_OF:
        for each in prepared:
            _announce(cloud, event, person.id, each.id, 1)
            _announce(cloud, event, person.id, each.id, 99)
        _announce(cloud, event, person.id, str(uuid.uuid4()), 1)
    cloud.settle()

    stale = cloud.rows("SELECT count(*) FROM items WHERE generation <> 2 OR status <> 'ready'")[0][0]
    return [
        Finding.count(4, "provider calls for events that came too early", too_early, 0),
        Finding.count(4, "images replaced during their analysis: items not of the new one", stale, items - replaced),
        Finding.count(
            4, "provider calls for old, future and nobody's events",
            cloud.vision.calls + cloud.embeddings.calls - calls_before, 0,
        ),
    ]  # fmt: skip


def _replaced_while_analyzed(cloud: FaultCloud, prepared: list[Prepared]) -> int:
    """Put other bytes under each key once its first ones are being looked at."""
    for each in prepared:
        eventually(lambda name=each.name: any(asked == name for asked, _ in cloud.vision.asked))
        cloud.client("s3").put_object(
            Bucket=cloud.bucket, Key=each.key, Body=noise(f"new {each.id}".encode()), ContentType="image/png"
        )
    return len(prepared)


def _announce(cloud: FaultCloud, event: type[ItemEvent], user_id: str, item_id: str, generation: int) -> None:
    cloud.send(_STAGE_OF[event], envelope(event, user_id, item_id, generation))


def _ready(cloud: FaultCloud) -> int:
    return cloud.statuses().get("ready", 0)


SELECT_LEASED = "SELECT count(*) FROM items WHERE lease_until > now()"
