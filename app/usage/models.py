"""What users use up, and under which terms. Types only, no I/O."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from app.platform.errors import Paused, QuotaExceeded
from app.platform.spending import Spent

if TYPE_CHECKING:
    from app.platform.database import Connection


# An operator may switch paid calls on again, or raise the budget, at any time.
_SWITCH_ASK_AGAIN_S, _BUDGET_ASK_AGAIN_S = 900, 3600


class Kind(StrEnum):
    """What is counted per user and day."""

    ANALYSES = "analyses"
    # Items made findable; and queries, where somebody charges for them.
    EMBEDDINGS = "embeddings"
    CHATS = "chats"


@dataclass(frozen=True, slots=True)
class Terms:
    """Under which a unit of one kind may be used now."""

    kind: Kind
    per_day: int
    # What one unit may cost at most; 0: nobody charges for it, and neither the budget nor the switch concerns it.
    most_usd: Decimal
    # Of everybody, in a calendar month (UTC).
    budget_usd: Decimal
    is_paused: bool = False

    def refuse_if_paused(self) -> None:
        """Raises Paused."""
        if self.is_paused and self.most_usd:
            raise Paused("Paid services are switched off for the moment.", retry_after=_SWITCH_ASK_AGAIN_S)

    def over_quota(self, *, left: int = 0) -> QuotaExceeded:
        """What the limit is, and when it begins anew."""
        now = datetime.now(UTC)
        tomorrow = datetime(now.year, now.month, now.day, tzinfo=UTC) + timedelta(days=1)
        return QuotaExceeded(
            f"At most {self.per_day} {self.kind} a day (UTC); {left} are left today.",
            retry_after=int((tomorrow - now).total_seconds()) + 1,
        )

    def over_budget(self) -> QuotaExceeded:
        return QuotaExceeded(
            f"This month's budget of {self.budget_usd:.2f} USD for paid services is used up.",
            retry_after=_BUDGET_ASK_AGAIN_S,
        )


@dataclass(frozen=True, slots=True)
class Used:
    """How many units, and what they took."""

    count: int = 0
    spent: Spent = field(default_factory=Spent)


@dataclass(frozen=True, slots=True)
class Usage:
    """One user's use by kind, today and in this month (UTC). Every kind is there."""

    today: dict[Kind, Used]
    month: dict[Kind, Used]


class Quota(Protocol):
    """Reserves a unit within a transaction of the caller's, and settles it within another.

    `key` names the work: whoever reserves for the same work again, as after a crash, is counted once.
    """

    def reserve(self, connection: "Connection", user_id: UUID, key: UUID, *, seconds: int) -> None:
        """Hold a unit, and what it may cost at most, for so many seconds; then cleanup takes it back.

        Raises:
            app.platform.errors.QuotaExceeded: the user's day or everybody's month is used up.
            app.platform.errors.Paused: paid calls are switched off.
        """
        ...

    def settle(self, connection: "Connection", user_id: UUID, key: UUID, spent: Spent | None) -> None:
        """Turn the reservation into what was used; None: into nothing."""
        ...

    def settle_alone(self, user_id: UUID, key: UUID, spent: Spent) -> None:
        """The same in a transaction of its own, where the work came to nothing and was paid for."""
        ...
