"""Experiment 13: failures end as dead letters, the cause is mended, and they are redriven; twice."""

from app.platform.events import ImageProcessed
from scripts import dlq
from tests.faults.cloud import FaultCloud, eventually
from tests.faults.findings import Finding
from tests.faults.people import photos
from tests.faults.proxy import calls, failing

_STAGE = "analyzer"


def redriven_twice(cloud: FaultCloud, *, failures: int = 13) -> list[Finding]:
    """13. The analyzer may not read from S3; then it may. Every letter is sent on its way twice."""
    cloud.receive_at_most(2)
    denied = cloud.proxy.rule(calls("s3", "GetObject", holding=("/display/",)), failing(403, "AccessDenied"))
    prepared = cloud.person().upload(photos(failures))
    eventually(lambda: cloud.depth("AnalyzerDlqUrl") == failures)
    letters = dlq.dead_letters(_STAGE, cloud.outputs)
    listed_again = dlq.dead_letters(_STAGE, cloud.outputs)
    paid_before = cloud.vision.paid

    cloud.proxy.end(denied)
    moved = [dlq.redrive(_STAGE, cloud.outputs)]
    cloud.settle()
    for upload in prepared:  # as if somebody's first redrive had not deleted what it sent
        cloud.send_dead_letter("Analyzer", ImageProcessed, upload.owner, upload.id)
    moved.append(dlq.redrive(_STAGE, cloud.outputs))
    cloud.settle()

    reasons = sorted({letter.reason for letter in letters})
    told = {letter.item for letter in letters} == {upload.id for upload in prepared}
    return [
        Finding.count(13, "dead letters", len(letters), failures),
        Finding(13, "listed with item and reason", "; ".join(reasons)[:60], "AccessDenied",
                told and len(reasons) == 1 and "AccessDenied" in reasons[0]),
        Finding.count(13, "still there after they were listed", len(listed_again), failures),
        Finding.count(13, "paid vision calls before", paid_before, 0),
        Finding(13, "redriven", f"{moved[0]}, then {moved[1]}", f"{failures}, then {failures}",
                moved == [failures, failures]),
        Finding.count(13, "items ready", cloud.statuses().get("ready", 0), failures),
        Finding.count(13, "paid vision calls in all", cloud.vision.paid, failures),
        Finding.count(13, "texts paid for at the embedder", cloud.embeddings.texts.total(), failures),
    ]  # fmt: skip
