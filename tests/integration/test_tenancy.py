"""The database backs tenancy up: statements without a WHERE reach one tenant's rows, and roles only what is theirs."""

from collections.abc import Iterator
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege

from app.analysis import store as analysis_store
from app.analysis.models import AnalysisDocument, ProviderAnswer
from app.items.models import Item
from app.items.s3 import original_key
from app.items.store import ItemStore, NewItem
from app.platform.database import Database
from app.search import store as search_store
from app.search.models import DIMENSIONS, Document

TABLES = ["items", "analyses", "item_search", "item_postings", "item_vectors"]


@pytest.fixture
def mine(items: ItemStore, database_pool: Database, user_id: UUID) -> Item:
    return complete_item(items, database_pool, user_id)


@pytest.fixture
def yours(items: ItemStore, database_pool: Database, owner: psycopg.Connection) -> Iterator[Item]:
    """A second tenant's item."""
    item = complete_item(items, database_pool, uuid4())
    yield item
    owner.execute("DELETE FROM items WHERE user_id = %s", [item.user_id])


def complete_item(items: ItemStore, database: Database, user_id: UUID) -> Item:
    """An item with a row in every table."""
    item_id = uuid4()
    key = original_key(user_id, item_id, "image/jpeg")
    item, _ = items.add(NewItem(user_id, item_id, key, "photo.jpg", "image/jpeg", 3))
    document = AnalysisDocument(category="receipt", headline="A receipt", summary="Bread")
    with database.tenant(user_id) as connection:
        analysis_store.save(connection, item, ProviderAnswer(document, "fake", "fake-1", "1"))
        vector = [1.0] + [0.0] * (DIMENSIONS - 1)
        search_store.save(connection, item, Document("A receipt", "", ""), vector, "fake-1")
    return item


@pytest.mark.parametrize("table", TABLES)
def test_a_select_without_a_where_sees_one_tenant(database_pool: Database, mine: Item, yours: Item, table: str) -> None:
    with database_pool.tenant(mine.user_id) as connection:
        rows = connection.execute(f"SELECT user_id, item_id FROM {table}".encode()).fetchall()

    assert [(row["user_id"], row["item_id"]) for row in rows] == [(mine.user_id, mine.item_id)]


@pytest.mark.parametrize("table", TABLES)
def test_an_update_without_a_where_touches_one_tenant(
    database_pool: Database, owner: psycopg.Connection, mine: Item, yours: Item, table: str
) -> None:
    column = {
        "items": "title",
        "analyses": "trace_id",
        "item_search": "category",
        "item_postings": "lexeme",
        "item_vectors": "embedding_model",
    }[table]

    with database_pool.tenant(mine.user_id) as connection:
        touched = connection.execute(f"UPDATE {table} SET {column} = 'taken'".encode()).rowcount

    untouched = owner.execute(f"SELECT {column} FROM {table} WHERE user_id = %s", [yours.user_id]).fetchone()
    assert touched == 1
    assert untouched
    assert untouched[0] != "taken"


@pytest.mark.parametrize("table", TABLES)
def test_a_delete_without_a_where_takes_one_tenant(
    database_pool: Database, owner: psycopg.Connection, mine: Item, yours: Item, table: str
) -> None:
    with database_pool.tenant(mine.user_id) as connection:
        deleted = connection.execute(f"DELETE FROM {table}".encode()).rowcount

    left = owner.execute(f"SELECT count(*) FROM {table} WHERE user_id = %s", [yours.user_id]).fetchone()
    assert (deleted, left) == (1, (1,))


@pytest.mark.parametrize("table", TABLES)
def test_a_row_cannot_be_given_to_another_tenant(database_pool: Database, mine: Item, yours: Item, table: str) -> None:
    with pytest.raises(InsufficientPrivilege), database_pool.tenant(mine.user_id) as connection:
        connection.execute(f"UPDATE {table} SET user_id = %s".encode(), [yours.user_id])


def test_a_row_cannot_be_added_for_another_tenant(database_pool: Database, mine: Item, yours: Item) -> None:
    insert = """
    INSERT INTO items (user_id, item_id, status, object_key, original_filename, mime_type, file_size)
    VALUES (%s, %s, 'uploading', 'key', 'name', 'image/jpeg', 1)
    """

    with pytest.raises(InsufficientPrivilege), database_pool.tenant(mine.user_id) as connection:
        connection.execute(insert, [yours.user_id, uuid4()])


def test_another_tenant_s_row_cannot_be_taken_by_conflict(database_pool: Database, mine: Item, yours: Item) -> None:
    insert = """
    INSERT INTO items (user_id, item_id, status, object_key, original_filename, mime_type, file_size)
    VALUES (%s, %s, 'uploading', 'key', 'name', 'image/jpeg', 1)
    ON CONFLICT (user_id, item_id) DO UPDATE SET title = 'taken' RETURNING title
    """

    with pytest.raises(InsufficientPrivilege), database_pool.tenant(mine.user_id) as connection:
        connection.execute(insert, [yours.user_id, yours.item_id])


@pytest.mark.parametrize("table", TABLES)
def test_without_a_tenant_nothing_is_there(database_pool: Database, mine: Item, table: str) -> None:
    with database_pool.all_tenants() as connection:
        rows = connection.execute(f"SELECT * FROM {table}".encode()).fetchall()
        touched = connection.execute(f"DELETE FROM {table}".encode()).rowcount

    assert (rows, touched) == ([], 0)


# Rows for the tables in which an item leaves none.
OTHER_ROWS = """
UPDATE items SET tags = '{red}' WHERE user_id = %(user_id)s AND item_id = %(item_id)s;
INSERT INTO duplicates (user_id, item_id, duplicate_of) VALUES (%(user_id)s, gen_random_uuid(), %(item_id)s);
INSERT INTO jobs (user_id, job_id, kind) VALUES (%(user_id)s, %(item_id)s, 'export');
INSERT INTO export_parts (user_id, job_id, part, receipt, directory, listing)
  VALUES (%(user_id)s, %(item_id)s, 1, '{}', '', '');
INSERT INTO usage_days (user_id, day, kind, used) VALUES (%(user_id)s, current_date, 'chats', 1);
INSERT INTO usage_reservations (user_id, reservation_id, day, kind, most_usd, expires_at)
  VALUES (%(user_id)s, gen_random_uuid(), current_date, 'chats', 0, now() + interval '1 hour');
INSERT INTO deleted_users (user_id) VALUES (%(user_id)s);
"""
CATALOGUE = """
SELECT relname, relrowsecurity AND relforcerowsecurity FROM pg_class
JOIN pg_attribute ON attrelid = pg_class.oid AND attname = 'user_id'
WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace
"""
WITHOUT_WHERE = {
    "SELECT": "SELECT user_id FROM {}",
    "UPDATE": "UPDATE {} SET user_id = user_id RETURNING user_id",
    "DELETE": "DELETE FROM {} RETURNING user_id",
}


def test_every_table_of_tenants_forces_its_policies_on_its_owner_too(owner: psycopg.Connection) -> None:
    """Whoever runs migrations on AWS owns the tables and is no superuser; a new table must not forget it."""
    rows = owner.execute(CATALOGUE).fetchall()

    assert {*TABLES} <= {name for name, _ in rows}
    assert [name for name, is_forced in rows if not is_forced] == []


@pytest.mark.parametrize("privilege", WITHOUT_WHERE)
def test_in_every_table_that_there_is_a_statement_without_a_where_reaches_one_tenant(
    database_pool: Database, owner: psycopg.Connection, mine: Item, yours: Item, privilege: str
) -> None:
    tables = [name for name, _ in owner.execute(CATALOGUE).fetchall()]
    for item in (mine, yours):
        with psycopg.ClientCursor(owner) as cursor:
            cursor.execute(OTHER_ROWS, {"user_id": item.user_id, "item_id": item.item_id})

    for table in tables:
        with database_pool.tenant(mine.user_id) as connection:
            allowed = connection.execute("SELECT has_table_privilege(%s, %s) AS it", [table, privilege]).fetchone()
            if allowed and allowed["it"]:
                reached = connection.execute(WITHOUT_WHERE[privilege].format(table).encode()).fetchall()
                assert {row["user_id"] for row in reached} == {mine.user_id}, table
            connection.rollback()
        theirs = owner.execute(f"SELECT count(*) FROM {table} WHERE user_id = %s".encode(), [yours.user_id]).fetchone()
        assert theirs, table
        assert theirs[0] > 0, f"give both tenants a row in {table}: OTHER_ROWS"


def test_a_tenant_is_forgotten_when_its_transaction_ends(app_url: str, mine: Item) -> None:
    with psycopg.connect(app_url) as connection:
        connection.execute("SELECT set_config('app.user_id', %s, true)", [str(mine.user_id)])
        during = connection.execute("SELECT count(*) FROM items").fetchone()
        connection.commit()
        afterwards = connection.execute("SELECT count(*) FROM items").fetchone()

    assert (during, afterwards) == ((1,), (0,))


def test_an_id_that_is_no_uuid_is_nobody(app_url: str, mine: Item) -> None:
    with psycopg.connect(app_url) as connection:
        connection.execute("SELECT set_config('app.user_id', %s, true)", ["' OR true --"])

        with pytest.raises(psycopg.errors.InvalidTextRepresentation):
            connection.execute("SELECT * FROM items")


@pytest.mark.parametrize("url", ["app_url", "cleanup_url"])
@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine (id integer)",
        "CREATE SCHEMA mine",
        "CREATE FUNCTION mine() RETURNS integer LANGUAGE sql RETURN 1",
        "DROP TABLE item_search",
        "ALTER TABLE items DISABLE ROW LEVEL SECURITY",
        "DROP POLICY tenant ON items",
        "TRUNCATE items",
        "CREATE ROLE mine SUPERUSER",
        "SET ROLE postgres",
        "SET SESSION AUTHORIZATION postgres",
        "COPY items TO PROGRAM 'true'",
        "COPY items FROM '/etc/passwd'",
        "SELECT pg_read_file('/etc/passwd')",
        "SELECT * FROM pg_authid",
    ],
)
def test_a_function_s_role_changes_no_schema_and_reads_no_file(
    request: pytest.FixtureRequest, url: str, statement: str
) -> None:
    with psycopg.connect(request.getfixturevalue(url)) as connection, pytest.raises(InsufficientPrivilege):
        connection.execute(statement.encode())


@pytest.mark.parametrize("url", ["app_url", "cleanup_url"])
def test_turning_the_policies_off_for_a_session_shows_nothing_more(
    request: pytest.FixtureRequest, url: str, mine: Item
) -> None:
    with psycopg.connect(request.getfixturevalue(url)) as connection:
        connection.execute("SET row_security = off")

        with pytest.raises(InsufficientPrivilege):
            connection.execute("SELECT user_id FROM analyses")


@pytest.mark.parametrize(
    "what",
    [
        "title FROM items",
        "notes FROM items",
        "tags FROM items",
        "original_filename FROM items",
        "sha256 FROM items",
        "category FROM items",
        "* FROM items",
        "* FROM analyses",
        "* FROM item_search",
    ],
)
def test_cleanup_reads_nothing_of_what_is_in_an_item(cleanup_url: str, mine: Item, what: str) -> None:
    with psycopg.connect(cleanup_url) as connection, pytest.raises(InsufficientPrivilege):
        connection.execute(f"SELECT {what}".encode())


@pytest.mark.parametrize("column", ["title", "user_id", "object_key", "generation", "deleted_at"])
def test_cleanup_changes_nothing_of_what_is_in_an_item(cleanup_url: str, mine: Item, column: str) -> None:
    with psycopg.connect(cleanup_url) as connection, pytest.raises(InsufficientPrivilege):
        connection.execute(f"UPDATE items SET {column} = NULL".encode())


def test_cleanup_sees_every_tenant_s_items(cleanup_url: str, mine: Item, yours: Item) -> None:
    with psycopg.connect(cleanup_url) as connection:
        owners = {row[0] for row in connection.execute("SELECT user_id FROM items").fetchall()}

    assert {mine.user_id, yours.user_id} <= owners


def test_cleanup_s_delete_takes_what_hangs_below_the_item(
    cleanup_url: str, owner: psycopg.Connection, mine: Item
) -> None:
    with psycopg.connect(cleanup_url) as connection:
        connection.execute("DELETE FROM items WHERE item_id = %s", [mine.item_id])

    for table in TABLES:
        assert owner.execute(f"SELECT count(*) FROM {table} WHERE item_id = %s", [mine.item_id]).fetchone() == (0,)
