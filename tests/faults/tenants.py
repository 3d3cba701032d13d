"""Experiment 14: one tenant's five hundred uploads and another's one."""

import time
from concurrent.futures import ThreadPoolExecutor

from tests.faults.cloud import FaultCloud, eventually
from tests.faults.findings import Finding
from tests.faults.people import photos
from tests.stub_providers import OK, slow

_WITHIN_S = 60.0


def one_among_many(cloud: FaultCloud, *, many: int = 500, vision_s: float = 1.0) -> list[Finding]:
    """14. A uploads many, then B one. B's is ready in a minute, or A was told to slow down.

    Two workers and a second a call are 250 s for A's alone; on AWS five workers and five seconds are 500 s.
    """
    cloud.vision.default = slow(vision_s)
    loud, quiet = cloud.person(), cloud.person()
    files = list(photos(many).items())
    told = 0
    with ThreadPoolExecutor(4) as pool:
        for start in range(0, many, 50):
            prepared, refused = loud.try_prepare(dict(files[start : start + 50]))
            told += refused
            list(pool.map(lambda upload: upload.send(), prepared))
    waiting = cloud.moving()
    begun = time.monotonic()
    (upload,) = quiet.upload(photos(1, "only"))
    ready = eventually(lambda: quiet.item(upload.id).json()["status"] == "ready", _WITHIN_S)
    seconds = time.monotonic() - begun
    cloud.vision.default = OK
    cloud.settle()

    return [
        Finding(14, f"B's one behind {waiting} of A's {many} (vision {vision_s:.1f} s)",
                f"{seconds:.0f} s; A was told 429 {told} times" if ready else f"not ready after {seconds:.0f} s",
                f"≤ {_WITHIN_S:.0f} s, or 429 for A", ready or told > 0),
        Finding.count(14, "items ready in the end", cloud.statuses().get("ready", 0), many - 50 * told + 1),
        Finding.count(14, "paid vision calls", cloud.vision.paid, many - 50 * told + 1),
    ]  # fmt: skip
