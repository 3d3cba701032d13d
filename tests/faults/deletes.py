"""Experiment 10: items are deleted at random moments of their way."""

import random
import time
from concurrent.futures import ThreadPoolExecutor

from tests.faults.cloud import FaultCloud
from tests.faults.findings import Finding
from tests.faults.people import Person, Prepared, photos
from tests.faults.proxy import calls, delayed, noted
from tests.stub_providers import slow

# Who looks this soon after the answer 204 had the lease when the item was deleted: the look follows it at once.
_ON_ITS_WAY_S = 1.0


def deleted_on_the_way(cloud: FaultCloud, *, items: int = 50, within_s: float = 4.0) -> list[Finding]:
    """10. Each item is deleted at a random moment. Nothing of it is left, and no event of it acted on."""
    # Wide moments to be deleted in: while renditions are written, and while the image is looked at.
    cloud.proxy.rule(calls("s3", "PutObject", holding=("/display/",)), delayed(0.3), share=0.5)
    cloud.vision.default = slow(0.3)
    looks: list[tuple[str, float]] = []
    cloud.proxy.rule(calls("s3", "GetObject"), noted(looks))
    person = cloud.person()
    prepared = person.prepare(photos(items))
    with ThreadPoolExecutor(8) as pool:
        deleted = dict(pool.map(lambda upload: _send_and_delete(person, upload, within_s), prepared))
    cloud.settle()

    asked = {upload.id for upload in prepared for name, _ in cloud.vision.asked if name == upload.name}
    looked = [(item, at) for path, at in looks for item in deleted if item in path]
    late = {item for item, at in looked if at > deleted[item] + _ON_ITS_WAY_S}
    # Nobody asks who has not looked: otherwise the looks would prove nothing.
    late |= asked - {item for item, _ in looked}
    reached = len(asked)
    rows = cloud.rows(
        "SELECT (SELECT count(*) FROM items) + (SELECT count(*) FROM analyses) + (SELECT count(*) FROM item_search)"
    )[0][0]
    return [
        Finding.count(10, f"{items} items deleted, {reached} of them after their analysis began: rows left", rows, 0),
        Finding.count(10, "objects left", len(cloud.objects()), 0),
        Finding.count(10, "events acted on after the answer 204", len(late), 0),
    ]


def _send_and_delete(person: Person, upload: Prepared, within_s: float) -> tuple[str, float]:
    upload.send()
    time.sleep(random.uniform(0, within_s))
    person.api.delete(f"/items/{upload.id}").raise_for_status()
    return upload.id, time.time()
