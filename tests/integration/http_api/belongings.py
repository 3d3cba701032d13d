"""Everything that one user can have, everywhere; and what all stores know of them, to be compared afterwards."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from urllib.parse import unquote
from uuid import UUID, uuid4

import psycopg
from moto.core import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends
from psycopg import sql
from psycopg.types.json import Jsonb

from app.items import s3
from app.platform import aws, wiring
from app.realtime.models import Connection
from tests.integration.http_api.application import BUCKET, User, given_account, given_item, given_searchable

# The tables with a tenant, as the catalogue knows them.
TENANT_TABLES = """
SELECT relname FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid AND attname = 'user_id'
WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace ORDER BY relname
"""


@dataclass(frozen=True)
class Belongings:
    """A user, and what they have.

    `values` are what a request can name of it, by the names that these places have in the OpenAPI document.
    """

    user: User
    values: dict[str, list[str]]
    # What stands in nobody else's answers: ids, names, texts.
    secrets: frozenset[str]

    def seen_in(self, answer: Any, *, but: Mapping[str, str]) -> set[str]:
        """What an answer to somebody else tells of it, but for what they named themselves."""
        told = unquote(answer.text) + unquote(str(answer.headers))
        return {secret for secret in self.secrets - {*but.values()} if secret in told}


def given_belongings(owner: psycopg.Connection, user: User) -> Belongings:
    """Items in every state with their objects, analyses, jobs, a conversation, a connection, an answer that is kept."""
    user, word = given_account(user), f"w{uuid4().hex}"
    digest = sha256(word.encode()).digest()
    ready = given_searchable(
        user, f"headline {word}", f"summary {word}", title=f"title {word}", notes=word, tags=[word], sha256=digest
    )
    failed = given_item(
        owner, user, status="failed", error_stage="analyze", error_code="unreadable", error_message=word, title=word
    )
    uploading = given_item(owner, user, status="uploading", original_filename=f"{word}.png")
    alias = uuid4()
    owner.execute("INSERT INTO duplicates (user_id, item_id, duplicate_of) VALUES (%s, %s, %s)",
                  [user.user_id, alias, ready])  # fmt: skip
    _given_objects(user, ready, word)
    items = [str(item_id) for item_id in (ready, failed, uploading, alias)]
    analysis = wiring.analyses().latest(user.user_id, [ready])[ready]
    jobs = [_given_job(owner, user, "export", "done"), _given_job(owner, user, "rebuild", "queued")]
    _given_use(owner, user)
    talks, connection = [_given_session(user, word) for _ in range(2)], uuid4().hex
    wiring.connections().add(Connection(connection, user.user_id))
    key = f"key-{word}"
    kept = user.http.patch(
        f"/items/{failed}", json={"title": f"kept {word}"}, headers=user.headers | {"Idempotency-Key": key}
    )
    values = {
        "item_id": items,
        "ids": items,
        "item_ids": items,
        "analysis_id": [str(analysis.id)],
        "job_id": jobs,
        "session_id": talks,
        "sha256": [digest.hex()],
        "if-match": [kept.headers["etag"]],
        "if-none-match": [kept.headers["etag"]],
        "Idempotency-Key": [key],
    }
    named = {value for name in ("item_id", "analysis_id", "job_id", "session_id") for value in values[name]}
    return Belongings(user, values, frozenset({str(user.user_id), word, connection} | named))


def recorded(owner: psycopg.Connection, user: User) -> dict[str, Any]:
    """Every row and object of a user, in every store; the count of their requests left out."""
    tables = [row[0] for row in owner.execute(TENANT_TABLES).fetchall()]
    statement = "SELECT to_jsonb({table}) FROM {table} WHERE user_id = %s ORDER BY to_jsonb({table})"
    rows = {
        table: owner.execute(
            sql.SQL(statement).format(table=sql.Identifier(table)), [user.user_id]
        ).fetchall()
        for table in tables
    }  # fmt: skip
    objects = aws.client("s3").list_object_versions(Bucket=BUCKET, Prefix=str(user.user_id))
    # Out of moto's hands: answering a scan takes it ten times as long as all else that is compared here.
    tables_of_moto = dynamodb_backends[DEFAULT_ACCOUNT_ID][aws.client("dynamodb").meta.region_name].tables
    entries = {
        name: sorted(
            str(entry.attrs)
            for entry in table.all_items()
            if str(user.user_id) in str(entry.attrs) and not entry.hash_key.value.startswith("rate#")
        )
        for name, table in tables_of_moto.items()
    }
    return {
        "rows": rows,
        "objects": [(each["Key"], each["ETag"]) for each in objects.get("Versions", [])],
        "deleted": objects.get("DeleteMarkers", []),
        "entries": entries,
    }


def _given_objects(user: User, item_id: UUID, word: str) -> None:
    keys = [s3.original_key(user.user_id, item_id, "image/png")]
    keys += [s3.rendition_key(user.user_id, item_id, variant, 1) for variant in ("display", "thumbnail")]
    for key in [*keys, f"{user.user_id}/exports/{word}.zip"]:
        aws.client("s3").put_object(Bucket=BUCKET, Key=key, Body=word.encode())


def _given_job(owner: psycopg.Connection, user: User, kind: str, status: str) -> str:
    job_id = uuid4()
    result = {"object_key": f"{user.user_id}/exports/{job_id}.zip"} if status == "done" else None
    owner.execute(
        "INSERT INTO jobs (user_id, job_id, kind, status, result) VALUES (%s, %s, %s, %s, %s)",
        [user.user_id, job_id, kind, status, Jsonb(result) if result else None],
    )
    owner.execute(
        "INSERT INTO export_parts (user_id, job_id, part, receipt, directory, listing)"
        " VALUES (%s, %s, 1, '{}', '', '')",
        [user.user_id, job_id],
    )
    return str(job_id)


def _given_use(owner: psycopg.Connection, user: User) -> None:
    owner.execute(
        "INSERT INTO usage_days (user_id, day, kind, used) VALUES (%s, current_date, 'analyses', 3)", [user.user_id]
    )
    owner.execute(
        "INSERT INTO usage_reservations (user_id, reservation_id, day, kind, most_usd, expires_at)"
        " VALUES (%s, gen_random_uuid(), current_date, 'analyses', 0, now() + interval '1 hour')",
        [user.user_id],
    )


def _given_session(user: User, word: str) -> str:
    answer = user.post("/chat", {"message": f"What is {word}?"})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["session_id"])
