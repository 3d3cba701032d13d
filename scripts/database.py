"""The database of a deployed cloud: look into it, back it up, restore it, start anew."""

import os
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import psycopg
import typer
from psycopg import sql
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from app.platform import migrations
from scripts import backups, deployed_database, outputs
from scripts.console import agree, commands, console, fail, say
from scripts.deployed_database import Access, role_named
from scripts.local import paths
from scripts.outputs import Cloud, cloud_name

app = commands()
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]

_EXISTS = "SELECT 1 FROM pg_database WHERE datname = %s"
_ITEMS = """
SELECT greatest((SELECT count(*) FROM items),
                (SELECT sum(n_live_tup) FROM pg_stat_user_tables WHERE relid = 'public.items'::regclass))
"""
_FACTS = """
SELECT current_setting('server_version'), (SELECT extversion FROM pg_extension WHERE extname = 'vector'),
  pg_database_size(current_database()), coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false),
  (SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user)
"""
_SIZES = """
SELECT s.relname, s.n_live_tup, pg_total_relation_size(s.relid), c.relrowsecurity, c.relforcerowsecurity
FROM pg_stat_user_tables s JOIN pg_class c ON c.oid = s.relid
WHERE s.schemaname = 'public' AND s.relname NOT LIKE '%yoyo%' ORDER BY 3 DESC, 1
"""
_CONNECTIONS = """
SELECT r.rolname, count(a.pid), r.rolconnlimit
FROM pg_roles r LEFT JOIN pg_stat_activity a ON a.usename = r.rolname AND a.backend_type = 'client backend'
WHERE r.rolcanlogin AND (r.rolname LIKE 'collections%' OR a.pid IS NOT NULL)
GROUP BY r.rolname, r.rolconnlimit ORDER BY r.rolname
"""
_ALL_CONNECTIONS = """
SELECT count(*), current_setting('max_connections')::int FROM pg_stat_activity WHERE backend_type = 'client backend'
"""


@app.command()
def connect(
    statement: Annotated[str, typer.Option("--sql", envvar="SQL", help="One statement instead of a prompt.")] = "",
    role: Annotated[str, typer.Option(help="app (its rows need app.user_id), cleanup or owner")] = "app",
    user_id: Annotated[str, typer.Option(help="Whose rows the application's role sees; default: the saved id.")] = "",
    cloud: Cloud = "local",
) -> None:
    """psql, signed in as the functions are: IAM token and verified TLS on AWS, the socket on this machine."""
    found = outputs.read(cloud_name(cloud))
    access = deployed_database.access(role_named(role), found)
    url, environment = deployed_database.split_password(access.url)
    tenant = user_id or (paths.TEST_USER_ID.read_text().strip() if paths.TEST_USER_ID.exists() else "")
    if role == "app" and tenant:
        environment["PGOPTIONS"] = f"-c app.user_id={tenant}"
    # Its own words are what is wanted: nothing is printed before them.
    arguments = ["--no-psqlrc", "--set=ON_ERROR_STOP=1", "--command", statement] if statement else []
    psql = deployed_database.program("psql", access.url)
    done = subprocess.run([psql, url, *arguments], env=environment, check=False)
    if done.returncode:
        raise typer.Exit(done.returncode)


@app.command()
def status(cloud: Cloud = "local") -> None:
    """Migrations, sizes, rows, connections. Fails where migrations are missing or policies do not bind the owner."""
    access = deployed_database.access("owner", outputs.read(cloud_name(cloud)))
    with psycopg.connect(access.url, autocommit=True) as connection:
        missing = _show_facts(connection, access)
        unforced = _show_tables(connection)
        _show_connections(connection)
    if missing:
        fail(f"Missing migrations: {', '.join(missing)}. Run `make db-migrate CLOUD={cloud}`.")
    if unforced:
        fail(f"Policies do not bind the owner of {', '.join(unforced)}: a backup was killed. Run `make db-backup`.")


@app.command("seed-full")
def seed_full(
    dump: Annotated[Path, typer.Argument(help="Of pg_dump: its custom format, or SQL.")],
    cloud: Cloud = "local",
    dry_run: DryRun = False,
) -> None:
    """A dump into a database that has no items yet, migrated and checked."""
    access = _owner(cloud)
    _check_dump(dump)
    if (items := _items(access)) > 0:
        fail(f"{access.name} has {items} items already. `make db-reset` empties it, `make db-restore` replaces it.")
    if dry_run:
        say(f"Would load {escape(str(dump))} into {access.name}. Nothing was changed.")
        return
    _restore(access, dump)


@app.command()
def reset(cloud: Cloud = "local", yes: Yes = False, dry_run: DryRun = False) -> None:
    """An empty database in the place of the one there is: on this machine, and in AWS's `dev` environment."""
    access = _owner(cloud)
    if access.host and access.environment != "dev":
        fail(f"This is {access.environment}, and only dev may be reset. `make db-restore` brings a backup back.")
    say(f"{access.name} of {access.environment} ({cloud}) has {max(_items(access), 0)} items.")
    say("Images stay in the bucket; the hourly sweep removes those that no row knows.")
    if dry_run:
        say("Nothing was changed.")
        return
    agree("Delete all rows of all users?", yes=yes)
    with _under_way("An empty database"):
        backups.replace_database(access.url, migrations.migrate)
    say(f"[green]✓[/] {access.name} is empty and migrated")


@app.command("backup")
def back_up(
    cloud: Cloud = "local",
    file: Annotated[Path | None, typer.Option(help="Default: backups/, by cloud and time.")] = None,
    host: Annotated[str, typer.Option(help="Another server with the same passwords: one restored to a point.")] = "",
    dry_run: DryRun = False,
) -> None:
    """A dump of everything in the database, which only you can read. Images are in the bucket, not in it."""
    access = _owner(cloud)
    if host:
        access = access.at(host)
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    path = file or paths.BACKUPS / f"{cloud}-{access.environment}-{stamp}.dump"
    if dry_run:
        say(f"Would dump {access.name} ({cloud}), {_described(_items(access))}, into {escape(os.path.relpath(path))}.")
        say("Nothing was changed.")
        return
    with _under_way("Dumping"):
        manifest = backups.back_up(access.url, path)
    size = path.stat().st_size
    say(f"[green]✓[/] {os.path.relpath(path)}: {manifest.rows.get('items', 0)} items, {_bytes(size)}")
    if access.host:
        say("  RDS keeps a history of 7 days of its own: `make db-restore-point TIME=…` goes back in it.")


@app.command("restore")
def restore(
    dump: Annotated[Path | None, typer.Argument(help="Default: the newest backup of this cloud.")] = None,
    cloud: Cloud = "local",
    yes: Yes = False,
    dry_run: DryRun = False,
) -> None:
    """A backup in the place of the database. Made beside it and checked first: what fails changes nothing."""
    access = _owner(cloud)
    chosen = dump or _newest(cloud, access.environment)
    _check_dump(chosen)
    say(f"{escape(os.path.relpath(chosen))} takes the place of {access.name} ({cloud}), {_described(_items(access))}.")
    if dry_run:
        say("Nothing was changed.")
        return
    agree("Replace the database?", yes=yes)
    _restore(access, chosen)


@app.command("restore-point")
def restore_point(
    moment: Annotated[str, typer.Argument(help="RFC 3339, such as 2026-11-21T12:00:00Z, or latest.")],
    cloud: Cloud = "aws",
    dry_run: DryRun = False,
) -> None:
    """A new RDS instance beside the one there is, as it was at that moment (of the last 7 days)."""
    name = cloud_name(cloud)
    if name != "aws":
        fail("The local database keeps no history: `make db-restore` brings a backup back.")
    found = outputs.read(name)
    rds = outputs.client("rds", found)
    source = found["RdsEndpoint"].partition(".")[0]
    instance = rds.describe_db_instances(DBInstanceIdentifier=source)["DBInstances"][0]
    wanted = _restore_request(instance, moment)
    target = wanted["TargetDBInstanceIdentifier"]
    say(f"{source} as of {escape(moment)} becomes {target}, at the price of another instance.")
    if dry_run:
        say("Nothing was changed.")
        return
    rds.restore_db_instance_to_point_in_time(**wanted)
    say("[green]✓[/] Started. It takes some ten minutes; `aws rds wait db-instance-available` waits for it. Then:")
    say(f"  make db-backup CLOUD=aws FROM={target}.{found['RdsEndpoint'].partition('.')[2]}")
    say("  make db-restore CLOUD=aws, and delete the instance: nothing points at it.")


def _restore_request(instance: Mapping[str, Any], moment: str) -> dict[str, Any]:
    """The same network, parameters and ways of signing in: none of these is taken over by itself.

    Raises typer.Exit: no moment that can be gone back to.
    """
    stamp = datetime.now(UTC).strftime("%Y%m%d%H%M")
    return {
        "SourceDBInstanceIdentifier": instance["DBInstanceIdentifier"],
        "TargetDBInstanceIdentifier": f"{instance['DBInstanceIdentifier'][:40]}-as-of-{stamp}",
        **({"UseLatestRestorableTime": True} if moment == "latest" else {"RestoreTime": _time(moment)}),
        "DBInstanceClass": instance["DBInstanceClass"],
        "DBSubnetGroupName": instance["DBSubnetGroup"]["DBSubnetGroupName"],
        "VpcSecurityGroupIds": [group["VpcSecurityGroupId"] for group in instance["VpcSecurityGroups"]],
        "DBParameterGroupName": instance["DBParameterGroups"][0]["DBParameterGroupName"],
        "PubliclyAccessible": instance["PubliclyAccessible"],
        "EnableIAMDatabaseAuthentication": True,
        "CopyTagsToSnapshot": True,
        "MultiAZ": False,
    }


def _time(moment: str) -> datetime:
    try:
        when = datetime.fromisoformat(moment)
    except ValueError:
        fail(f"{moment!r} is no time. Say TIME=2026-11-21T12:00:00Z, or TIME=latest.")
    if when.tzinfo is None:
        fail("Say which time zone is meant: Z at the end is UTC.")
    if not timedelta(0) < datetime.now(UTC) - when < timedelta(days=7):
        fail("RDS keeps 7 days: name a moment in them.")
    return when


def _owner(cloud: str) -> Access:
    return deployed_database.access("owner", outputs.read(cloud_name(cloud)))


def _restore(access: Access, dump: Path) -> None:
    with _under_way(f"Restoring {dump.name}"):
        rows = backups.restore(access.url, dump)
    table = Table("Table", "Rows", box=None, padding=(0, 2, 0, 0), header_style="dim")
    for name, count in rows.items():
        if count and "yoyo" not in name:
            table.add_row(name, str(count))
    console.print(table)
    say(
        f"[green]✓[/] {access.name} holds what {escape(dump.name)} held, {rows['items']} items; policies bind everybody"
    )


def _check_dump(dump: Path) -> None:
    if not dump.is_file():
        fail(f"There is no {escape(str(dump))}. `make db-backup` makes one; name it by DUMP=…")


def _newest(cloud: str, environment: str) -> Path:
    dumps = sorted(paths.BACKUPS.glob(f"{cloud}-{environment}-*.dump"))
    return dumps[-1] if dumps else fail("There is no backup of this cloud. Name one: DUMP=…, or run `make db-backup`.")


def _items(access: Access) -> int:
    """How many there are; -1: there is no such database (any more).

    The owner may be bound by policies: then it sees none, and is told about how many there are.
    """
    with psycopg.connect(migrations.for_database(access.url, "postgres"), autocommit=True) as server:
        if server.execute(_EXISTS, [access.name]).fetchone() is None:
            return -1
    with psycopg.connect(access.url, autocommit=True) as connection:
        names = {table.name for table in backups.tables(connection)}
        if "items" not in names:
            return 0
        found = connection.execute(_ITEMS).fetchone()
        return int(found[0]) if found else 0


def _described(items: int) -> str:
    return "which is not there" if items < 0 else f"with {items} items"


def _show_facts(connection: backups.Connection, access: Access) -> list[str]:
    """Returns the migrations that are missing."""
    version, vector, size, has_tls, _ = connection.execute(_FACTS).fetchone() or ("", "", 0, False, False)
    known = sorted(path.stem for path in migrations.MIGRATIONS.glob("*.sql"))
    applied = backups.applied(connection)
    missing = [name for name in known if name not in applied]
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_row("Database", f"{access.name} of {access.environment}, {_bytes(size)}")
    way_in = "TLS" if has_tls else "[red]no TLS[/]" if access.host else "socket"
    table.add_row("Server", f"PostgreSQL {version}, {way_in}")
    table.add_row("pgvector", vector or "[red]missing[/]")
    lacking = f"[red]{len(missing)} missing[/]" if missing else "none missing"
    table.add_row("Migrations", f"{len(applied)} applied, {lacking}")
    console.print(table)
    return missing


def _show_tables(connection: backups.Connection) -> list[str]:
    """Returns the tables that have policies, but not for their owner."""
    *_, sees_all = connection.execute(_FACTS).fetchone() or (False,)
    table = Table("Table", "Rows", "Size", "Policies", box=None, padding=(0, 2, 0, 0), header_style="dim")
    unforced = []
    for name, estimate, size, has_policies, is_forced in connection.execute(_SIZES).fetchall():
        if has_policies and not is_forced:
            unforced.append(name)
        policies = "[green]forced[/]" if is_forced else "[red]not forced[/]" if has_policies else "[dim]none[/]"
        table.add_row(name, _rows(connection, name) if sees_all else f"≈ {estimate}", _bytes(size), policies)
    console.print(table)
    return unforced


def _rows(connection: backups.Connection, name: str) -> str:
    found = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier("public", name))).fetchone()
    return str(found[0]) if found else ""


def _show_connections(connection: backups.Connection) -> None:
    table = Table("Role", "Connections", "Limit", box=None, padding=(0, 2, 0, 0), header_style="dim")
    for name, used, limit in connection.execute(_CONNECTIONS).fetchall():
        table.add_row(name, str(used), "none" if limit < 0 else str(limit))
    used, most = connection.execute(_ALL_CONNECTIONS).fetchone() or (0, 0)
    table.add_row("[bold]all[/]", str(used), str(most))
    console.print(table)


def _under_way(what: str) -> Progress:
    """A line that moves while PostgreSQL works; how long that takes, it does not say."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    progress = Progress(*columns, console=console, transient=True)
    progress.add_task(what, total=None)
    return progress


def _bytes(count: int) -> str:
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count = round(count / 1000)
    return f"{count} GB"


if __name__ == "__main__":
    app()
