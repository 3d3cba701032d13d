"""The previous application's database: `items`, and `analyses` with their JSON as text. Other tables are not looked at.

What is a row there is checked here, field by field, and made one of ours; a row that is none comes out as `Rejected`.
"""

import json
import mimetypes
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path, PurePath
from typing import Any
from uuid import UUID, uuid5

from app.analysis.models import HEADLINE_MAX_LENGTH, AnalysisDocument, ImageDetails, MediaMetadata
from app.analysis.store import without_nul
from app.items.models import ACCEPTED_TYPES, as_text
from app.platform.errors import InvalidInput
from scripts.migrate.report import Rejected
from scripts.migrate.untouched import opened, tables

# What PostgreSQL's columns hold.
_MAX_SIZE, _MAX_VERSION = 2**63 - 1, 2**31 - 2
# `AnalysisDocument.category`.
_CATEGORY_MAX_LENGTH = 64

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class OldAnalysis:
    """One version of what was said of an image. `unknown` are keys of it that have no place here."""

    old_id: str
    version: int
    document: AnalysisDocument
    provider: str
    model: str
    trace_id: str | None
    created_at: datetime
    unknown: tuple[str, ...] = ()

    def new_id(self, user_id: UUID) -> UUID:
        return uuid5(user_id, f"analysis:{self.old_id}")


@dataclass(frozen=True, slots=True)
class OldItem:
    """An item with its analyses, the oldest version first. `stored_as` is its image's name in the folder."""

    old_id: str
    stored_as: str
    original_filename: str
    mime_type: str
    file_size: int
    created_at: datetime
    analyses: tuple[OldAnalysis, ...] = ()

    def new_id(self, user_id: UUID) -> UUID:
        return new_item_id(user_id, self.old_id)


class _Unusable(Exception):
    """Why a row cannot be taken over."""


def new_item_id(user_id: UUID, old_id: str) -> UUID:
    """The same for the same user and item, always: a repeated migration finds what it made before."""
    return uuid5(user_id, f"item:{old_id}")


def count_items(path: Path) -> int:
    with _database(path) as connection:
        return int(connection.execute("SELECT count(*) FROM items").fetchone()[0])


def read(path: Path) -> Iterator[OldItem | Rejected]:
    """Every item with its analyses, in the order of old ids, one after another: memory holds one at a time.

    Raises:
        InvalidInput: the file is not that application's database, or is damaged from here on.
    """
    with _database(path) as connection:
        item_columns, analysis_columns = _columns(connection, ITEM_COLUMNS), _columns(connection, ANALYSIS_COLUMNS)
        split = len(item_columns)
        last_id = None
        for fields, rows in groupby(connection.execute(SELECT_ALL), key=lambda row: row[:split]):
            item_row = dict(zip(item_columns, fields, strict=True))
            analysis_rows = [dict(zip(analysis_columns, row[split:], strict=True)) for row in rows]
            if item_row["id"] is not None and item_row["id"] == last_id:
                yield Rejected("item", str(last_id), "another item has the same id")
                continue
            last_id = item_row["id"]
            yield from _item(item_row, [row for row in analysis_rows if row["item_id"] is not None])
        for analysis_id, item_id in connection.execute(SELECT_ORPHANS):
            yield Rejected("analysis", _shown(analysis_id), f"there is no item {_shown(item_id)}")


@contextmanager
def stored_names(path: Path) -> Iterator[Callable[[Path], str | None]]:
    """Tells which item an image file belongs to, by its name. On disk: a dictionary would grow with the items."""
    with closing(sqlite3.connect("")) as names, _database(path) as connection:
        names.execute("CREATE TABLE names (name TEXT PRIMARY KEY, old_id TEXT) WITHOUT ROWID")
        for old_id, *paths in connection.execute("SELECT id, filename, file_path FROM items"):
            own = {_basename(each) for each in paths} - {""}
            names.executemany("INSERT OR IGNORE INTO names VALUES (?, ?)", [(name, str(old_id)) for name in own])

        def old_id_of(file: Path) -> str | None:
            row = names.execute("SELECT old_id FROM names WHERE name = ?", [file.name]).fetchone()
            return str(row[0]) if row else None

        yield old_id_of


@contextmanager
def _database(path: Path) -> Iterator[sqlite3.Connection]:
    with opened(path) as connection:
        if missing := {"items", "analyses"} - tables(connection):
            raise InvalidInput(f"{path} has no table {' and no '.join(sorted(missing))}: is it the right file?")
        yield connection


def _columns(connection: sqlite3.Connection, statement: str) -> list[str]:
    return [column[0] for column in connection.execute(statement).description]


def _item(row: Row, analysis_rows: Sequence[Row]) -> Iterator[OldItem | Rejected]:
    try:
        item = OldItem(
            old_id=_text(row["id"], "id"),
            stored_as=_basename(row.get("filename")) or _basename(row.get("file_path")),
            original_filename=as_text(_text(row.get("original_filename") or row.get("filename"), "original_filename")),
            mime_type=_mime_type(row),
            file_size=_number(row.get("file_size") or 0, "file_size", 0, _MAX_SIZE),
            created_at=_moment(row.get("created_at"), "created_at"),
        )
    except _Unusable as exc:
        yield Rejected("item", _shown(row["id"]), str(exc))
        return
    versions: dict[int, OldAnalysis] = {}
    for analysis_row in analysis_rows:
        try:
            analysis = _analysis(analysis_row, item.original_filename)
            if analysis.version in versions:
                raise _Unusable(f"there is another version {analysis.version} of the same item")
            versions[analysis.version] = analysis
        except _Unusable as exc:
            yield Rejected("analysis", _shown(analysis_row["id"]), str(exc))
    yield replace(item, analyses=tuple(versions[version] for version in sorted(versions)))


def _analysis(row: Row, filename: str) -> OldAnalysis:
    try:
        raw = json.loads(_text(row.get("raw_response"), "raw_response"))
    except (ValueError, RecursionError) as exc:
        raise _Unusable("raw_response is no JSON") from exc
    if not isinstance(raw, dict):
        raise _Unusable("raw_response is no JSON object")
    return OldAnalysis(
        old_id=_text(row["id"], "id"),
        version=_number(row.get("version"), "version", 1, _MAX_VERSION),
        document=_document(without_nul(raw), row, filename),
        provider=_optional(row.get("provider_used"), "provider_used") or "unknown",
        model=_optional(row.get("model_used"), "model_used") or "unknown",
        trace_id=_optional(row.get("trace_id"), "trace_id"),
        created_at=_moment(row.get("created_at"), "created_at"),
        unknown=tuple(sorted(map(str, set(raw) - set(AnalysisDocument.model_fields)))),
    )


def _document(raw: Row, row: Row, filename: str) -> AnalysisDocument:
    """Providers were free in what they wrote: text for a list, nothing for a field, a headline of any length."""
    category = _said(raw.get("category")) or _said(row.get("category"))
    if not category:
        raise _Unusable("it has no category")
    summary = _said(raw.get("summary")) or _said(row.get("summary")) or ""
    media, details = _object(raw, "media_metadata"), _object(raw, "image_details")
    return AnalysisDocument(
        category=category[:_CATEGORY_MAX_LENGTH],
        subcategories=_list(raw.get("subcategories")),
        headline=(_said(raw.get("headline")) or summary or filename)[:HEADLINE_MAX_LENGTH],
        summary=summary,
        media_metadata=MediaMetadata(
            original_poster=_said(media.get("original_poster")),
            tagged_accounts=_list(media.get("tagged_accounts")),
            location_tags=_list(media.get("location_tags")),
            audio_source=_said(media.get("audio_source")),
            hashtags=_list(media.get("hashtags")),
        ),
        image_details=ImageDetails(
            extracted_text=_list(details.get("extracted_text")),
            objects=_list(details.get("objects")),
            themes=_list(details.get("themes")),
            emotions=_list(details.get("emotions")),
            vibes=_list(details.get("vibes")),
            likely_source=_said(details.get("likely_source")),
            key_interest=_said(details.get("key_interest")),
            visual_hierarchy=_list(details.get("visual_hierarchy")),
            colors=_list(details.get("colors")),
        ),
    )


def _object(raw: Row, key: str) -> Row:
    value = raw.get(key)
    return value if isinstance(value, dict) else {}


def _said(value: Any) -> str | None:
    """A text, from whatever says something; None for nothing."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return str(value).strip() or None


def _list(value: Any) -> list[str]:
    """A list of texts; one text is a list of one, and its lines are entries."""
    entries = value.splitlines() if isinstance(value, str) else value if isinstance(value, list) else [value]
    return [text for entry in entries if (text := _said(entry))]


def _text(value: Any, column: str) -> str:
    if isinstance(value, int):
        value = str(value)
    if not isinstance(value, str) or not value.strip():
        raise _Unusable(f"{column} is no text" if isinstance(value, bytes) else f"{column} is empty")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise _Unusable(f"{column} is no UTF-8")
    if "\x00" in value:
        raise _Unusable(f"{column} holds a NUL")
    return value


def _optional(value: Any, column: str) -> str | None:
    return None if value in (None, "") else _text(value, column)


def _number(value: Any, column: str, least: int, most: int) -> int:
    if not isinstance(value, int) or not least <= value <= most:
        raise _Unusable(f"{column} is no number from {least} on")
    return value


def _moment(value: Any, column: str) -> datetime:
    """The application wrote UTC without saying so."""
    try:
        moment = datetime.fromisoformat(_text(value, column))
    except ValueError as exc:
        raise _Unusable(f"{column} is no date") from exc
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _mime_type(row: Row) -> str:
    named = row.get("mime_type") or mimetypes.guess_type(_basename(row.get("filename")))[0]
    mime_type = _text(named, "mime_type").strip().lower()
    mime_type = "image/jpeg" if mime_type == "image/jpg" else mime_type
    if mime_type not in ACCEPTED_TYPES:
        raise _Unusable("mime_type is no kind of image that is taken here")
    return mime_type


def _basename(value: Any) -> str:
    """The file's name of a path of either kind of machine."""
    return PurePath(value.replace("\\", "/")).name if isinstance(value, str) else ""


def _shown(value: Any) -> str:
    return str(value)[:200]


ITEM_COLUMNS = "SELECT * FROM items LIMIT 0"
ANALYSIS_COLUMNS = "SELECT * FROM analyses LIMIT 0"
# By the keys' own order: nothing is sorted, so nothing is gathered first.
SELECT_ALL = """
SELECT items.*, analyses.* FROM items LEFT JOIN analyses ON analyses.item_id = items.id ORDER BY items.id
"""
SELECT_ORPHANS = """
SELECT id, item_id FROM analyses
WHERE NOT EXISTS (SELECT 1 FROM items WHERE items.id = analyses.item_id)
"""
