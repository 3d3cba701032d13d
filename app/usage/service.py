"""Quotas at the door, and around calls that no stage of the pipeline makes."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID, uuid4

from app.platform.database import Database
from app.platform.parameters import Parameters
from app.platform.spending import collecting
from app.usage.models import Quota, Terms
from app.usage.store import UsageStore

# The kill switch: this parameter of the environment, set to `off`. It needs no deployment and takes a minute at most.
PAID_CALLS = "paid_calls"


def are_paid_calls_off(parameters: Parameters) -> bool:
    """Raises Unavailable: that cannot be known now."""
    return (parameters.current(PAID_CALLS) or "").lower() in {"off", "false", "no", "0"}


def admit(user_id: UUID, count: int, *, terms: Terms, usage: UsageStore) -> None:
    """Refuse at the door what the user's day has no room for. What comes in at once is refused later, exactly.

    Raises:
        QuotaExceeded: with the limit, and the seconds until midnight (UTC).
    """
    used = usage.used_today(user_id, terms.kind)
    if used + count > terms.per_day:
        raise terms.over_quota(left=max(terms.per_day - used, 0))


def admit_paid(user_id: UUID, count: int, *, terms: Terms, usage: UsageStore) -> None:
    """The same, for what somebody has just asked to be paid for.

    Raises:
        QuotaExceeded: also where everybody's month is used up.
        Paused: paid calls are switched off.
    """
    terms.refuse_if_paused()
    admit(user_id, count, terms=terms, usage=usage)
    if terms.most_usd and usage.is_budget_spent(user_id, terms):
        raise terms.over_budget()


@contextmanager
def paying(user_id: UUID, *, quota: Quota, database: Database, seconds: int = 120) -> Iterator[None]:
    """A call of one unit: reserved before, settled after with what the providers called inside reported.

    A call that fails takes no unit, unless it was paid for.

    Raises:
        QuotaExceeded, Paused: nothing was called.
        Unavailable: the database cannot be reached.
    """
    key = uuid4()
    with database.tenant(user_id) as connection:
        quota.reserve(connection, user_id, key, seconds=seconds)
    has_failed = True
    with collecting() as bill:
        try:
            yield
            has_failed = False
        finally:
            spent = None if has_failed and not bill.total.cost_usd else bill.total
            with database.tenant(user_id) as connection:
                quota.settle(connection, user_id, key, spent)
