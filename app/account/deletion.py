"""The end of an account: every store is emptied, counted, and only then the user signed out for good.

The order matters. Rows go first: that fences out every worker, and events of them are dropped. Whatever a worker was
writing at that moment is found by the count, and the round begins anew. Each step may be repeated.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from app.account.cognito import UserDirectory
from app.account.models import PersonalData
from app.jobs.models import Done, Job, Step
from app.platform.errors import Unavailable

# An access token lasts an hour: until then its holder may ask how it went, and a day is easy to say.
_TOLD_FOR = timedelta(days=1)
# Something of the user's comes back again and again: look at it rather than go round for ever.
_ROUNDS_MOST = 10


def advance(job: Job, *, stores: Sequence[PersonalData], directory: UserDirectory) -> Step | Done:
    """A few seconds' worth of removing.

    Raises:
        Unavailable: a store does not answer, or is not empty after many rounds.
    """
    at, rounds = int(job.state.get("at", 0)), int(job.state.get("rounds", 0))
    removed: dict[str, int] = dict(job.state.get("removed", {}))
    if at < len(stores):
        store = stores[at]
        count = store.remove_some(job.user_id)
        removed[store.name] = removed.get(store.name, 0) + count
        following = at if count else at + 1
        return Step(_state(following, rounds, removed), _progress(job, following, len(stores)))
    left = {store.name: store.count(job.user_id) for store in stores}
    if any(number for counts in left.values() for number in counts.values()):
        if rounds >= _ROUNDS_MOST:
            raise Unavailable(f"After {rounds} rounds there is still something left: {left}.", retry_after=60)
        return Step(_state(0, rounds + 1, removed), job.progress)
    return _sign_out(job, left, removed, directory)


def _sign_out(job: Job, left: dict[str, dict[str, int]], removed: dict[str, int], directory: UserDirectory) -> Done:
    directory.delete(job.user_id)
    if directory.find(job.user_id) is not None:
        raise Unavailable("The identity provider still knows the user.")
    return Done({"left": {**left, "cognito": {"users": 0}}, "removed": {**removed, "cognito": 1}}, kept_for=_TOLD_FOR)


def _state(at: int, rounds: int, removed: dict[str, int]) -> dict[str, Any]:
    return {"at": at, "rounds": rounds, "removed": removed}


def _progress(job: Job, at: int, stores: int) -> float:
    """A store's share when it is empty, and on the way there half of what is left of it."""
    reached, following = at / (stores + 1), (at + 1) / (stores + 1)
    return max(reached, job.progress + (following - job.progress) / 16)
