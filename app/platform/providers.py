"""What providers over HTTP have in common: their statuses as our errors, and a deadline on the clock on the wall.

What a vendor says about a failure goes nowhere: it may quote the request, and people can do nothing with it.
"""

import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from queue import Empty, SimpleQueue
from time import monotonic, time
from typing import TypeVar

from app.platform import metrics
from app.platform.errors import PermanentFailure, Unavailable

T = TypeVar("T")

# The request as such is wrong: it would be refused for ever.
_REJECTED = {400, 413, 415, 422}
# A key that is refused, an empty account, a model that the account does not have. Waiting mends none of them, a human
# does, and nothing is wrong with the item: failing it would make that human look for every item to repeat. So it stays
# in the queue, asked for every quarter of an hour; the queue's 20 receives last five hours, the dead letters' alarm
# calls somebody, and a redrive moves everything on.
_OPERATORS_BUSINESS = {401, 402, 403, 404}
ASK_AGAIN_S = 900
_LONGEST_WAIT_S = 3600


class Deadline:
    """So many seconds from now, for one or several calls together."""

    def __init__(self, seconds: float) -> None:
        self._until = monotonic() + seconds

    def remaining(self) -> float:
        """Seconds left, at least 0."""
        return max(0.0, self._until - monotonic())

    def timeout(self) -> float:
        """Seconds for the HTTP client's own timeout: a moment more, so that it ends what this deadline left behind."""
        return self.remaining() + 1

    def run(self, call: Callable[[], T], *, provider: str) -> T:
        """What `call` returns or raises, if it does so in time.

        An HTTP client's timeout counts the silence between two bytes: an answer that trickles in outlasts every one.
        So the call runs in a thread of its own, which is left behind when time is up and ends with its own timeout.

        Raises:
            Unavailable: time is up.
        """
        done: SimpleQueue[tuple[T | None, BaseException | None]] = SimpleQueue()

        def work() -> None:
            try:
                done.put((call(), None))
            except BaseException as exc:  # noqa: BLE001  # it is raised again, by the one who waits
                done.put((None, exc))

        remaining = self.remaining()
        if remaining > 0:
            threading.Thread(target=work, name=f"call-{provider}", daemon=True).start()
        try:
            result, failure = done.get(timeout=remaining) if remaining > 0 else done.get_nowait()
        except Empty:
            raise Unavailable(f"{provider} did not answer in time.") from None
        if failure is not None:
            raise failure
        return result  # type: ignore[return-value]  # without a failure it is a T


@contextmanager
def asking(stage: str) -> Iterator[None]:
    """Around one call: `provider_failed` is 1 if there was no answer, else 0, so that its average is their share.

    A refusal of one picture is an answer; a provider that is down, or takes neither key nor request, gives none.
    """
    try:
        yield
    except (PermanentFailure, Unavailable) as exc:
        is_answer = isinstance(exc, PermanentFailure) and not exc.code.startswith("provider_")
        metrics.publish({"provider_failed": int(not is_answer)}, stage=stage)
        raise
    metrics.publish({"provider_failed": 0}, stage=stage)


def failure_of(status: int, *, provider: str, retry_after: str | None = None) -> PermanentFailure | Unavailable:
    """What an HTTP status of a provider means for the item.

    Args:
        status: 400 or more, or a 3xx that nobody asked for.
        retry_after: that header, as it came.
    """
    if status in _REJECTED:
        return PermanentFailure("provider_rejected", f"{provider} does not accept this request ({status}).")
    if status in _OPERATORS_BUSINESS:
        return Unavailable(f"{provider} refuses our account or model ({status}).", retry_after=ASK_AGAIN_S)
    return Unavailable(f"{provider} cannot answer now ({status}).", retry_after=wait_seconds(retry_after))


def wait_seconds(retry_after: str | None, *, default: int = 5) -> int:
    """A `retry-after` header (RFC 9110: seconds, or a date) as 1 to 3600 seconds; `default` for what is neither."""
    try:
        seconds = float(retry_after or "")
    except ValueError:
        seconds = _seconds_until(retry_after or "")
    return min(max(math.ceil(seconds), 1), _LONGEST_WAIT_S) if math.isfinite(seconds) else default


def _seconds_until(http_date: str) -> float:
    """NaN for what is no date."""
    try:
        return parsedate_to_datetime(http_date).timestamp() - time()
    except (ValueError, OverflowError):
        return math.nan
