"""JobRequested → a few more steps of that job."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from app.items.pipeline import Verdict
from app.jobs import service
from app.jobs.models import Advance, Kind
from app.platform import aws, queue, wiring
from app.platform.build_info import probed
from app.platform.events import JobRequested

# Made when a job of the kind comes along: a function is told of all, and needs one.
_KINDS: Mapping[Kind, Callable[[], Advance]] = {
    Kind.EXPORT: wiring.export,
    Kind.DELETION: wiring.deletion,
    Kind.REBUILD: wiring.rebuild,
}


@probed
def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    def work(envelopes: Sequence[queue.Envelope]) -> list[Verdict]:
        return [_run(JobRequested.from_envelope(envelope), context) for envelope in envelopes]

    return queue.consume(event, handle=work, queue_url=wiring.job_settings().queue_url, sqs=aws.client("sqs"))


def _run(wanted: JobRequested, context: Any) -> Verdict:
    return service.run_job(
        wanted,
        kinds=_KINDS,
        jobs=wiring.jobs(),
        events=wiring.events(),
        seconds_left=lambda: context.get_remaining_time_in_millis() / 1000,
        settings=wiring.job_settings(),
    )
