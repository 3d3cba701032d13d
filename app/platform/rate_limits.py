"""How many requests a user may make in a minute, over all containers, at next to no cost.

Each container counts for itself. Only a user who is busy is reported to the table that all share: every tenth request
adds ten to the minute's sum and learns it. Nine requests in ten, and everybody who is not in a hurry, cost nothing;
what slips through is at most nine requests a container and minute. The window is a minute of the clock.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from app.platform.errors import Unavailable
from app.platform.logs import logger

WINDOW_S = 60
# A container speaks to the table once for so many of a user's requests.
REPORT_EVERY = 10


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a user has left of this minute, after this request."""

    limit: int
    remaining: int
    # Seconds until there is a full allowance again.
    reset_s: int
    is_exceeded: bool

    def headers(self) -> list[tuple[bytes, bytes]]:
        """RateLimit header fields for HTTP, draft-ietf-httpapi-ratelimit-headers-06, as ASGI has them."""
        return [
            (b"ratelimit-limit", b"%d" % self.limit),
            (b"ratelimit-remaining", b"%d" % self.remaining),
            (b"ratelimit-reset", b"%d" % self.reset_s),
            (b"ratelimit-policy", b"%d;w=%d" % (self.limit, WINDOW_S)),
        ]


class Counters(Protocol):
    """Sums that all containers share."""

    def add(self, key: str, count: int, *, expires_at: int) -> int:
        """Add to a sum that is of no interest after `expires_at` (Unix time). Returns the sum after that.

        Raises:
            Unavailable
        """
        ...


@dataclass(slots=True)
class _Count:
    """One user's requests of this minute: in this container, not reported yet, and in the other containers."""

    here: int = 0
    unreported: int = 0
    elsewhere: int = 0


class RateLimiter:
    """Counts requests by user and minute. Threads may share it."""

    def __init__(
        self, counters: Callable[[], Counters], *, per_minute: int, clock: Callable[[], float] = time.time
    ) -> None:
        """Args:
        counters: where to find them, once they are needed.
        """
        self._counters = counters
        self._per_minute = per_minute
        self._clock = clock
        self._lock = threading.Lock()
        self._window = 0
        self._counts: dict[UUID, _Count] = {}

    def is_due(self, user_id: UUID) -> bool:
        """Whether this user's next request will be reported to the table that all share."""
        count = self._counts.get(user_id)
        return count is not None and count.unreported + 1 >= REPORT_EVERY

    def spend(self, user_id: UUID) -> Allowance:
        """Count one request. While the table does not answer, each container goes by what it has seen itself."""
        window, elapsed_s = divmod(int(self._clock()), WINDOW_S)
        with self._lock:
            if window != self._window:
                self._window, self._counts = window, {}
            count = self._counts.setdefault(user_id, _Count())
            count.here += 1
            count.unreported += 1
            is_due = count.unreported >= REPORT_EVERY
            if is_due:
                count.unreported = 0
        if is_due:
            self._report(user_id, count, window)
        used = count.here + count.elsewhere
        return Allowance(
            self._per_minute, max(0, self._per_minute - used), WINDOW_S - elapsed_s, used > self._per_minute
        )

    def _report(self, user_id: UUID, count: _Count, window: int) -> None:
        reported = count.here
        try:
            total = self._counters().add(f"rate#{user_id}#{window}", REPORT_EVERY, expires_at=(window + 2) * WINDOW_S)
        except Unavailable as exc:
            logger.warning("requests are counted by each container alone", reason=exc.detail)
            return
        count.elsewhere = max(count.elsewhere, total - reported)
