"""`make migrate-db`, `migrate-vectors`, `migrate-images`, `migrate-validate`: docs/migrating.md."""

import json
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from app.platform import wiring
from scripts.console import bar, commands, fail, say
from scripts.local.paths import ROOT
from scripts.migrate import chroma, images, previous, rows, validate, vectors
from scripts.migrate.report import Outcome, reporting
from scripts.migrate.target import refuse_too_many, target
from scripts.migrate.validate import Against, Check

REPORTS = ROOT / "reports"
# What the previous application embedded with; its collections do not say so.
_PREVIOUS_MODEL = "voyage-3.5-lite"

UserOption = Annotated[str, typer.Option(help="Whose collection: e-mail address, or `sub`.")]
CloudOption = Annotated[str, typer.Option(help="local or aws")]
DryRunOption = Annotated[bool, typer.Option(help="Do everything but keep nothing of it.")]
NameOption = Annotated[str, typer.Option(help="The collection in the directory, where there are several.")]
ModelOption = Annotated[str, typer.Option(help="What made the vectors, where the collection does not say so.")]
FolderOption = Annotated[Path, typer.Option(help="Where the reports go.")]

cli = commands()


@cli.command()
def db(
    sqlite: Path,
    user: UserOption,
    cloud: CloudOption = "local",
    dry_run: DryRunOption = False,
    reports: FolderOption = REPORTS,
) -> None:
    """Items and analyses, from the SQLite file."""
    with target(cloud, user) as into, reporting("db", reports, user=into.email, dry_run=dry_run) as outcome:
        refuse_too_many(count := previous.count_items(sqlite))
        with bar("Items", count) as advance:
            found = previous.read(sqlite)
            rows.migrate(
                found, into.user_id, database=wiring.database(), outcome=outcome, dry_run=dry_run, advance=advance
            )
    _say("db", outcome, reports, dry_run=dry_run)


@cli.command("vectors")
def migrate_vectors(
    directory: Path,
    user: UserOption,
    cloud: CloudOption = "local",
    collection: NameOption = "",
    model: ModelOption = "",
    dry_run: DryRunOption = False,
    reports: FolderOption = REPORTS,
) -> None:
    """Vectors that fit, from ChromaDB's directory; the others are embedded anew."""
    with (
        target(cloud, user) as into,
        reporting("vectors", reports, user=into.email, dry_run=dry_run) as outcome,
        chroma.directory(directory) as opened,
    ):
        chosen = opened.collection(collection)
        made_by = model or chosen.model or _PREVIOUS_MODEL
        stores = vectors.Into(
            database=wiring.database(),
            items=wiring.items(),
            analyses=wiring.analyses(),
            index=wiring.search_index(),
            events=wiring.events(),
            model=wiring.embedder().model,
        )
        say(f"{escape(chosen.name)}, made by {escape(made_by)}; here {stores.model} is configured")
        with bar("Vectors", chosen.entries) as advance:
            vectors.migrate(
                opened.read(chosen),
                into.user_id,
                model=made_by,
                into=stores,
                outcome=outcome,
                dry_run=dry_run,
                advance=advance,
            )
    _say("vectors", outcome, reports, dry_run=dry_run)


@cli.command("images")
def migrate_images(
    folder: Path,
    user: UserOption,
    cloud: CloudOption = "local",
    sqlite: Annotated[Path | None, typer.Option(help="Where files are not called as their items: who says so.")] = None,
    wait: Annotated[bool, typer.Option(help="Until the pipeline is done with them.")] = True,
    dry_run: DryRunOption = False,
    reports: FolderOption = REPORTS,
) -> None:
    """Images to their items, and the pipeline's work on them."""
    with target(cloud, user) as into, reporting("images", reports, user=into.email, dry_run=dry_run) as outcome:
        stores = images.Into(
            wiring.database(), wiring.items(), wiring.images(), wiring.storage_settings().upload_max_bytes
        )
        with bar("Images", sum(1 for _ in images.files(folder))) as advance, _names(sqlite) as old_id_of:
            images.migrate(
                folder,
                into.user_id,
                old_id_of=old_id_of,
                into=stores,
                outcome=outcome,
                dry_run=dry_run,
                advance=advance,
            )
        if wait and not dry_run:
            _wait(lambda: images.progress(into.user_id, wiring.database()))
    _say("images", outcome, reports, dry_run=dry_run)


@cli.command("validate")
def validate_all(
    user: UserOption,
    sqlite: Annotated[Path, typer.Option(help="The SQLite file.")],
    folder: Annotated[Path | None, typer.Option(help="The folder of images.")] = None,
    directory: Annotated[Path | None, typer.Option(help="ChromaDB's directory.")] = None,
    cloud: CloudOption = "local",
    collection: NameOption = "",
    model: ModelOption = "",
    reports: FolderOption = REPORTS,
) -> None:
    """Compare what was migrated with what there was; fails where they differ."""
    with target(cloud, user) as into:
        against = Against(
            wiring.database(),
            wiring.items(),
            wiring.analyses(),
            wiring.images(),
            wiring.search_index(),
            wiring.embedder,
        )
        with bar("Items", previous.count_items(sqlite)) as advance:
            counts, fields, sample = validate.rows(previous.read(sqlite), into.user_id, against, advance=advance)
        checks = [counts, fields]
        if folder:
            with bar("Images", sum(1 for _ in images.files(folder))) as advance, _names(sqlite) as names:
                checks.append(validate.checksums(folder, into.user_id, against, old_id_of=names, advance=advance))
        if directory:
            with chroma.directory(directory) as opened:
                chosen = opened.collection(collection)
                made_by = model or chosen.model or _PREVIOUS_MODEL
                checks.append(validate.vectors(opened.read(chosen), into.user_id, against))
                checks.append(
                    validate.searches(lambda: opened.read(chosen), into.user_id, against, model=made_by, asked=sample)
                )
    page = _write(checks, reports)
    say(escape(page.read_text()))
    if not all(check.is_good for check in checks):
        fail("What was migrated is not what there was.")


@contextmanager
def _names(sqlite: Path | None) -> Iterator[images.OldIdOf]:
    """What the database says a file is of; or, where it does not know it, its name."""
    if sqlite is None:
        yield images.by_id
        return
    with previous.stored_names(sqlite) as stored:
        yield lambda file: stored(file) or images.by_id(file)


def _wait(look: Callable[[], images.Progress]) -> None:
    """Until nothing is under way any more. Safe to interrupt: the pipeline goes on by itself."""
    now = look()
    with bar("Pipeline", now.ready + now.failed + now.under_way) as advance:
        settled = 0
        while True:
            advance(now.ready + now.failed - settled)
            settled = now.ready + now.failed
            if not now.under_way:
                break
            time.sleep(0.5)
            now = look()
    waiting = f", {now.waiting} wait for their image or for tomorrow's quota" if now.waiting else ""
    say(f"{now.ready} ready, {now.failed} failed{waiting}")


def _say(step: str, outcome: Outcome, reports: Path, *, dry_run: bool) -> None:
    if dry_run:
        say("[yellow]Nothing was kept: this was a dry run.[/]")
    for what, count in outcome.counts.items():
        if count and what != "rejected":
            say(f"[green]✓[/] {count} {escape(what)}")
    for why, count in outcome.reasons.most_common(5):
        say(f"[yellow]![/] {count} × {escape(why)}")
    say(f"{reports / f'migrate-{step}.md'} has the rest")


def _write(checks: list[Check], reports: Path) -> Path:
    reports.mkdir(parents=True, exist_ok=True)
    page = ["# migrate-validate", "", "| Check | Compared | Different | |", "| --- | --- | --- | --- |"]
    page += [
        f"| {'✓' if check.is_good else '✗'} {check.name} | {check.compared} | {check.wrong} | {check.note} |"
        for check in checks
    ]
    page += ["", *(f"- {check.name}: {words}" for check in checks for words in check.first)]
    (reports / "migrate-validate.json").write_text(json.dumps([asdict(check) for check in checks], indent=2) + "\n")
    written = reports / "migrate-validate.md"
    written.write_text("\n".join(page) + "\n", encoding="utf-8", errors="backslashreplace")
    return written


if __name__ == "__main__":
    logging.getLogger("collections").setLevel(logging.WARNING)
    os.environ.setdefault("POWERTOOLS_METRICS_DISABLED", "true")  # their lines are for CloudWatch
    cli()
