"""What users can do with their account as a whole."""

from typing import TYPE_CHECKING
from uuid import UUID

from app.jobs import service as jobs_service
from app.jobs.models import Job
from app.platform.errors import NotAuthenticated
from app.platform.events import EventPublisher

# The API's cold start goes through here; few of its requests need these.
if TYPE_CHECKING:
    from app.account.cognito import UserDirectory
    from app.account.models import Profile
    from app.account.store import AccountStore


def profile(user_id: UUID, *, directory: "UserDirectory") -> "Profile":
    """Raises NotAuthenticated: the account was deleted, although its token has not expired yet."""
    found = directory.find(user_id)
    if found is None:
        raise NotAuthenticated("This account is deleted.")
    return found


def delete(user_id: UUID, *, account: "AccountStore", events: EventPublisher) -> Job:
    """Begin to delete everything. Asked again, the same deletion."""
    job = account.start_deletion(user_id)
    jobs_service.announce(job, events=events)
    return job
