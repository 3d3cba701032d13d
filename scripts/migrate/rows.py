"""`items` and `analyses`: from the previous application's database into ours.

An item arrives waiting for its image (`migrate-images`) and keeps its analyses: when the image comes, the pipeline
makes the renditions, finds an analysis that is to be kept, and pays for none. Where there is none it makes one.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar
from uuid import UUID

from app.items import s3
from app.platform.database import Connection, Database
from scripts.migrate.previous import OldAnalysis, OldItem
from scripts.migrate.report import Outcome, Rejected

# Items of one transaction.
BATCH = 200
# What `waits_for` says of an item that has no image yet.
WAITS_FOR = "Its image has not been migrated yet."
# Nobody knows the prompts of before.
_PROMPT_VERSION = "previous"

T = TypeVar("T")


class _DryRun(Exception):
    """Ends a transaction without keeping anything of it."""


def migrate(
    found: Iterable[OldItem | Rejected],
    user_id: UUID,
    *,
    database: Database,
    outcome: Outcome,
    dry_run: bool = False,
    advance: Callable[[int], None] = lambda _: None,
) -> None:
    """Take over what is there, batch by batch. What is there already stays as it is.

    Raises:
        Unavailable: the database does not answer; what was done stays done.
        NotAuthenticated: the account is deleted.
    """
    for batch in batches(_usable(found, outcome), BATCH):
        try:
            with database.tenant(user_id) as connection:
                connection.execute(PLAN_ANEW)
                _write(connection, user_id, batch, outcome)
                if dry_run:
                    raise _DryRun
        except _DryRun:
            pass
        advance(len(batch))


def stored_analyses(user_id: UUID, analysis_ids: Sequence[UUID], database: Database) -> set[UUID]:
    """Those of these analyses that are there."""
    with database.tenant(user_id) as connection:
        return _ids(connection, SELECT_ANALYSES, user_id, analysis_ids)


def batches(entries: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(entries)
    while batch := list(islice(iterator, size)):
        yield batch


def _usable(found: Iterable[OldItem | Rejected], outcome: Outcome) -> Iterator[OldItem]:
    for row in found:
        if isinstance(row, Rejected):
            outcome.reject(row)
        else:
            yield row


def _write(connection: Connection, user_id: UUID, batch: Sequence[OldItem], outcome: Outcome) -> None:
    added = connection.execute(INSERT_ITEMS, {"user_id": user_id, **_item_columns(user_id, batch)}).rowcount
    there = _ids(connection, SELECT_ITEMS, user_id, [item.new_id(user_id) for item in batch])
    present = [item for item in batch if item.new_id(user_id) in there]
    analyses = [(item, analysis) for item in present for analysis in item.analyses]
    kept = connection.execute(INSERT_ANALYSES, {"user_id": user_id, **_analysis_columns(user_id, analyses)}).rowcount
    stored = _ids(connection, SELECT_ANALYSES, user_id, [analysis.new_id(user_id) for _, analysis in analyses])
    for _, analysis in analyses:
        if analysis.new_id(user_id) not in stored:
            outcome.reject(Rejected("analysis", analysis.old_id, "the migrated item went on without it"))
    outcome.counts["items read"] += len(batch)
    outcome.counts["items added"] += added
    outcome.counts["items there already"] += len(present) - added
    outcome.counts["items of an image that is there already"] += len(batch) - len(present)
    outcome.counts["analyses added"] += kept
    outcome.counts["analyses there already"] += len(stored) - kept
    outcome.counts["items without an analysis"] += sum(not item.analyses for item in batch)
    for _, analysis in analyses:
        outcome.counts.update(f"analyses without their {key!r}" for key in analysis.unknown)


def _item_columns(user_id: UUID, batch: Sequence[OldItem]) -> dict[str, Any]:
    ids = [item.new_id(user_id) for item in batch]
    return {
        "item_ids": ids,
        # A version is of a generation: the next one must not take the number of one that is there.
        "generations": [item.analyses[-1].version if item.analyses else 1 for item in batch],
        "object_keys": [
            s3.original_key(user_id, item_id, item.mime_type) for item_id, item in zip(ids, batch, strict=True)
        ],
        "filenames": [item.original_filename for item in batch],
        "mime_types": [item.mime_type for item in batch],
        "file_sizes": [item.file_size for item in batch],
        "moments": [item.created_at for item in batch],
        "categories": [item.analyses[-1].document.category if item.analyses else None for item in batch],
        "waits_for": WAITS_FOR,
    }


def _analysis_columns(user_id: UUID, analyses: Sequence[tuple[OldItem, OldAnalysis]]) -> dict[str, Any]:
    own = [analysis for _, analysis in analyses]
    return {
        "item_ids": [item.new_id(user_id) for item, _ in analyses],
        "analysis_ids": [analysis.new_id(user_id) for analysis in own],
        "versions": [analysis.version for analysis in own],
        "documents": [json.dumps(analysis.document.model_dump(mode="json")) for analysis in own],
        "providers": [analysis.provider for analysis in own],
        "models": [analysis.model for analysis in own],
        "traces": [analysis.trace_id for analysis in own],
        "moments": [analysis.created_at for analysis in own],
        "prompt_version": _PROMPT_VERSION,
    }


def _ids(connection: Connection, statement: str, user_id: UUID, ids: Sequence[UUID]) -> set[UUID]:
    return {row["id"] for row in connection.execute(statement.encode(), [user_id, list(ids)]).fetchall()}


# Plans are kept as long as the connection, those of the foreign keys too. One made while a table was empty reads all
# that a user has, for every row that refers to it; made anew it sees how much there is by now.
PLAN_ANEW = "DISCARD PLANS"

# Cleanup takes an upload without an object away after a day, counted from its creation, which was long ago; it leaves
# alone what waits. An id that is another name of an image that is there already stays one.
INSERT_ITEMS = """
INSERT INTO items (user_id, item_id, status, generation, reuse_analysis, object_key, original_filename, mime_type,
  file_size, created_at, analyzed_category, waits_until, waits_for)
SELECT %(user_id)s, new.item_id, 'uploading', new.generation, true, new.object_key, new.original_filename,
  new.mime_type, new.file_size, new.created_at, new.category, now() + interval '10 years', %(waits_for)s
FROM unnest(
  %(item_ids)s::uuid[], %(generations)s::integer[], %(object_keys)s::text[], %(filenames)s::text[],
  %(mime_types)s::text[], %(file_sizes)s::bigint[], %(moments)s::timestamptz[], %(categories)s::text[]
) AS new (item_id, generation, object_key, original_filename, mime_type, file_size, created_at, category)
WHERE NOT EXISTS (SELECT FROM duplicates AS d WHERE d.user_id = %(user_id)s AND d.item_id = new.item_id)
ON CONFLICT DO NOTHING
"""

SELECT_ITEMS = "SELECT item_id AS id FROM items WHERE user_id = %s AND item_id = ANY(%s) AND deleted_at IS NULL"

# An analysis that came after the item was migrated would take the number of one that is made here.
INSERT_ANALYSES = """
INSERT INTO analyses (user_id, item_id, analysis_id, version, raw_response, provider_used, model_used, prompt_version,
  trace_id, created_at)
SELECT %(user_id)s, new.item_id, new.analysis_id, new.version, new.document::jsonb, new.provider, new.model,
  %(prompt_version)s, new.trace_id, new.created_at
FROM unnest(
  %(item_ids)s::uuid[], %(analysis_ids)s::uuid[], %(versions)s::integer[], %(documents)s::text[],
  %(providers)s::text[], %(models)s::text[], %(traces)s::text[], %(moments)s::timestamptz[]
) AS new (item_id, analysis_id, version, document, provider, model, trace_id, created_at)
JOIN items AS i ON i.user_id = %(user_id)s AND i.item_id = new.item_id AND new.version <= i.generation
WHERE i.deleted_at IS NULL
ON CONFLICT DO NOTHING
"""

SELECT_ANALYSES = "SELECT analysis_id AS id FROM analyses WHERE user_id = %s AND analysis_id = ANY(%s)"
