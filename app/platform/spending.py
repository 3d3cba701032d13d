"""What calls to providers took, told by the adapters where they learn it and collected around the call.

An exception carries no bill: an answer that cannot be used was paid for all the same. So adapters say `paid`, whatever
comes next, and whoever has to account for the call opens `collecting` around it.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from decimal import Decimal
from itertools import accumulate, pairwise
from threading import Lock

from app.platform import metrics, prices

_SMALLEST = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class Spent:
    """What something took. `cost_usd` is 0 where nobody charges."""

    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: Decimal = Decimal(0)

    def __add__(self, other: "Spent") -> "Spent":
        return Spent(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cost_usd + other.cost_usd,
        )

    def split(self, weights: Sequence[int]) -> list["Spent"]:
        """Shares in these proportions (at least 1 each) that add up to this again, to the last token."""
        reached = [0, *accumulate(max(weight, 1) for weight in weights)]

        def share_of(amount: Decimal, smallest: Decimal) -> list[Decimal]:
            marks = [(amount * part / reached[-1]).quantize(smallest) for part in reached]
            return [after - before for before, after in pairwise(marks)]

        read = share_of(Decimal(self.input_tokens), Decimal(1))
        written = share_of(Decimal(self.output_tokens), Decimal(1))
        cost = share_of(self.cost_usd, _SMALLEST)
        return [Spent(int(r), int(w), c) for r, w, c in zip(read, written, cost, strict=True)]


class Bill:
    """What was paid for since it was opened. Threads that the collector's context was copied to add to it too."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._total = Spent()

    @property
    def total(self) -> Spent:
        return self._total

    def add(self, spent: Spent) -> None:
        with self._lock:
            self._total += spent


_bill: ContextVar[Bill | None] = ContextVar("bill", default=None)


@contextmanager
def collecting() -> Iterator[Bill]:
    """A bill for what is called inside. One opened within another keeps what is its own to itself."""
    bill = Bill()
    token = _bill.set(bill)
    try:
        yield bill
    finally:
        _bill.reset(token)


def paid(model: str, *, input_tokens: int, output_tokens: int = 0) -> Decimal:
    """Put a call on the open bill, if there is one. Returns what it cost, in US dollars."""
    cost = prices.cost_usd(model, input_tokens=input_tokens, output_tokens=output_tokens)
    if bill := _bill.get():
        bill.add(Spent(input_tokens, output_tokens, cost))
    # Without further dimensions: what everything costs together is what an alarm can watch.
    metrics.publish({"paid_usd": float(cost)})
    return cost
