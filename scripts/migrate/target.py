"""The collection that everything goes into: a user of a deployed cloud, through the application's own stores."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

from rich.markup import escape

from app.platform import wiring
from app.platform.errors import AppError, InvalidInput
from scripts import outputs, users
from scripts.console import fail
from scripts.outputs import CloudName, cloud_name
from scripts.seed_golden import configure


@dataclass(frozen=True, slots=True)
class Target:
    """Whose collection, in which cloud."""

    user_id: UUID
    email: str
    cloud: CloudName


@contextmanager
def target(cloud: str, user: str) -> Iterator[Target]:
    """The user's collection, as the deployed API would reach it; what goes wrong in it is told in one line."""
    name = cloud_name(cloud)
    found = outputs.read(name)
    known = known_user(user, found)
    configure(found)
    try:
        yield Target(UUID(known.sub), known.email, name)
    except AppError as exc:
        fail(escape(exc.detail))
    finally:
        wiring.database().close()


def known_user(user: str, found: dict[str, str]) -> users.User:
    """A user of the cloud's pool, by e-mail address or `sub`; or an end with how to make one."""
    everybody = users.users_of(found, email=user) if "@" in user else users.users_of(found)
    chosen = next((each for each in everybody if user in (each.email, each.sub)), None)
    return chosen or fail(f"There is no user {escape(user)}. `make cognito-list-users` shows who there is.")


def refuse_too_many(items: int) -> None:
    """Raises InvalidInput: more items than one user may keep."""
    most = wiring.storage_settings().user_items_max
    if items > most:
        raise InvalidInput(f"{items} items, and one user may keep {most}. Deploy with a larger USER_ITEMS_MAX first.")
