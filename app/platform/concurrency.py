"""Who may hold how many connections to PostgreSQL at once: the one table behind all concurrency.

Lambda's reservations and the queues' maxima (`infrastructure/clouds.py`), the roles' limits (`migrations.py`) and
`max_connections` itself (`infrastructure/database.py`) are read off here. An execution environment serves one
invocation at a time and holds one connection, so that invocations at once are connections at once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

APP_ROLE = "collections_app"
CLEANUP_ROLE = "collections_cleanup"
# Whoever owns the schema: the administrator that RDS made, or the local socket's owner. No limit binds it.
OWNER = "owner"

INSTANCE_CLASS = "db.t4g.micro"
# Of instance classes, in bytes. Amazon RDS User Guide, "Hardware specifications for DB instance classes".
_MEMORY = {"db.t4g.micro": 1 << 30, "db.t4g.small": 2 << 30, "db.t4g.medium": 4 << 30}

# Set outright. RDS's own default goes by what is left of the memory after the system, which nobody documents: 112 on
# paper for a t4g.micro, about 80 in practice.
MAX_CONNECTIONS = 80
# `superuser_reserved_connections` (3: RDS itself comes in by them) and `rds.rds_superuser_reserved_connections` (2).
RESERVED_CONNECTIONS = 5

# The server ends connections that idle for so long: a frozen Lambda keeps its own until it is thrown away, and after a
# deployment the old version's would stay beside the new one's. Whoever wakes up connects again.
IDLE_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Share:
    """What one kind of work may take.

    Args:
        at_once: invocations; people, for `admin`.
        bound_by: what keeps it to that. `reservation`: Lambda's reserved concurrency. `queue`: the event source's
            maximum concurrency. `role`: nothing but the limit of the role.
        connections: of each.
    """

    role: str
    at_once: int
    bound_by: Literal["reservation", "queue", "role"]
    connections: int = 1

    @property
    def total(self) -> int:
        return self.at_once * self.connections


# By bundle, then whoever else connects. Two is the least that a queue's maximum may be.
BUDGET: Mapping[str, Share] = MappingProxyType(
    {
        "api": Share(APP_ROLE, 28, "reservation"),
        # A question over HTTP takes two: the request waits for the invocation that answers it.
        "chat": Share(APP_ROLE, 12, "reservation"),
        "realtime": Share(APP_ROLE, 6, "reservation"),
        "image_processor": Share(APP_ROLE, 5, "queue"),
        "analyzer": Share(APP_ROLE, 5, "queue"),
        "embedder": Share(APP_ROLE, 2, "queue"),
        "jobs": Share(APP_ROLE, 5, "queue"),
        # The hourly one, and one by hand.
        "cleanup": Share(CLEANUP_ROLE, 2, "role"),
        # The deployment's, and one by hand that waits for it; each holds a lock and works on a second connection.
        "migrate": Share(OWNER, 2, "role", connections=2),
        # psql, a dump, whoever looks at what is going on.
        "admin": Share(OWNER, 3, "role"),
    }
)


def role_limits() -> dict[str, int]:
    """How many connections each of the application's roles may hold."""
    roles = (APP_ROLE, CLEANUP_ROLE)
    return {role: sum(share.total for share in BUDGET.values() if share.role == role) for role in roles}


def bounded_by(means: Literal["reservation", "queue"]) -> dict[str, int]:
    """How many invocations at once of those bundles that are bounded so."""
    return {name: share.at_once for name, share in BUDGET.items() if share.bound_by == means}


def default_max_connections(instance_class: str) -> int:
    """What RDS for PostgreSQL would allow at most, if all of the instance's memory were the database's.

    Amazon RDS User Guide, "Quotas and constraints", maximum number of database connections:
    LEAST({DBInstanceClassMemory/9531392}, 5000).
    """
    return min(_MEMORY[instance_class] // 9_531_392, 5_000)
