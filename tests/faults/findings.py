"""What an experiment found, beside what was promised; and what must hold after each of them."""

from dataclasses import dataclass
from pathlib import Path

from app.items import s3
from tests.faults.cloud import MOVING, STAGES, FaultCloud

REPORT = Path(__file__).resolve().parents[2] / "reports" / "faults.md"


@dataclass(frozen=True)
class Finding:
    """One row of the table."""

    experiment: int
    promise: str
    figure: str
    expected: str
    holds: bool

    @classmethod
    def count(cls, experiment: int, promise: str, figure: int, expected: int) -> "Finding":
        return cls(experiment, promise, str(figure), str(expected), figure == expected)

    @property
    def cells(self) -> list[str]:
        return [str(self.experiment), self.promise, self.figure, self.expected, "pass" if self.holds else "FAIL"]


def consistency(cloud: FaultCloud, experiment: int, *, dead: int = 0) -> Finding:
    """Nothing stuck, children = ready rows, no orphans, queues empty; `dead` letters, unless it was to make some."""
    left = [f"{count} {what}" for what, count in _left(cloud, dead=dead).items() if count]
    return Finding(experiment, "the cloud is consistent afterwards", ", ".join(left) or "all is", "all is", not left)


def _left(cloud: FaultCloud, *, dead: int) -> dict[str, int]:
    waiting = sum(cloud.depth(f"{stage}QueueUrl") for stage in STAGES)
    counts = {name: cloud.rows(statement)[0][0] for name, statement in _COUNTS.items()}
    stuck = cloud.rows(SELECT_STUCK, list(MOVING))[0][0]
    surplus = cloud.dead() - dead
    return counts | _objects_left(cloud) | {"stuck": stuck, "messages": waiting, "dead letters": surplus}


def _objects_left(cloud: FaultCloud) -> dict[str, int]:
    """Objects that no row shows, other generations' renditions among them, and rows without their objects."""
    objects = set(cloud.objects())
    rows = cloud.rows("SELECT user_id, item_id, object_key, status, rendition_generation FROM items")
    owned = {key for *of, _, shown in rows for key in s3.keys_of(*of, {shown})}
    needed = {key for *of, status, shown in rows if status == "ready" for key in s3.keys_of(*of, {shown})}
    return {"orphan objects": len(objects - owned), "objects missing": len(needed - objects)}


SELECT_STUCK = """
SELECT count(*) FROM items WHERE deleted_at IS NOT NULL
  OR status = ANY(%s) AND (lease_until IS NULL OR lease_until < now())
"""

_COUNTS = {
    "ready without its analysis": """
SELECT count(*) FROM items AS i WHERE status = 'ready' AND NOT EXISTS
  (SELECT FROM analyses AS a WHERE a.item_id = i.item_id AND a.version = i.generation)
""",
    "ready that cannot be found": """
SELECT count(*) FROM items AS i WHERE status = 'ready' AND NOT EXISTS
  (SELECT FROM item_search AS s WHERE s.item_id = i.item_id)
""",
    "findable that are not ready": """
SELECT count(*) FROM item_search JOIN items USING (user_id, item_id) WHERE status <> 'ready'
""",
    "analyses of nobody": """
SELECT count(*) FROM analyses AS a WHERE NOT EXISTS (SELECT FROM items AS i WHERE i.item_id = a.item_id)
""",
    "search rows of nobody": """
SELECT count(*) FROM item_search AS s WHERE NOT EXISTS (SELECT FROM items AS i WHERE i.item_id = s.item_id)
""",
}
