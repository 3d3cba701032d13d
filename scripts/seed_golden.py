"""The golden set, as people reviewed it, into the demo user's collection of a running cloud. Nothing is read by OCR."""

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from app.evaluation import datasets, seeding
from app.evaluation.datasets import Picture
from app.evaluation.seeding import Seeded
from app.platform import wiring
from app.platform.errors import AppError
from scripts import outputs
from scripts.console import bar, explained, fail, say
from scripts.deployed_collection import saved_token
from scripts.local.paths import ROOT
from scripts.outputs import Cloud, cloud_name

# Where Lambda unpacks a bundle: paths in its environment begin there.
_LAMBDA_ROOT = "/var/task"


def main(
    cloud: Cloud = "local",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
) -> None:
    """Import the reviewed analyses and their images; repeat it at any time."""
    with explained():
        _seed(cloud, dry_run=dry_run)


def _seed(cloud: str, *, dry_run: bool) -> None:
    folder = os.environ.get("GOLDEN_DIR", "")
    if not folder or not (Path(folder) / "analyses.json").is_file():
        fail("GOLDEN_DIR does not name a golden set: a folder with analyses.json, queries.json and images/.")
    name = cloud_name(cloud)
    found = outputs.read(name)
    token = saved_token(name, found)
    configure(found)
    try:
        user_id = wiring.token_verifier().verify(token).user_id
        pictures = datasets.golden_pictures(Path(folder))
        seeded = _preview(user_id, pictures) if dry_run else _import(user_id, pictures)
    except AppError as exc:
        fail(exc.detail)
    finally:
        wiring.database().close()
    done = "Nothing was changed. There would be" if dry_run else "[green]✓[/]"
    say(f"{done} {seeded.added} added, {seeded.described} described anew, {seeded.unchanged} as they should be")


def _import(user_id: UUID, pictures: Sequence[Picture]) -> Seeded:
    with bar("Pictures", len(pictures)) as advance:
        return seeding.seed(user_id, pictures, into=_collection(), advance=advance)


def _preview(user_id: UUID, pictures: Sequence[Picture]) -> Seeded:
    return seeding.preview(user_id, pictures, into=_collection())


def configure(found: dict[str, str]) -> None:
    """Take the settings that the deployed API runs with; those in the environment win."""
    deployed = outputs.client("lambda", found).get_function_configuration(FunctionName=found["ApiFunctionName"])
    for name, value in deployed["Environment"]["Variables"].items():
        os.environ.setdefault(name, value.replace(_LAMBDA_ROOT, str(ROOT)))
    os.environ.setdefault("AWS_DEFAULT_REGION", found["Region"])
    if "AwsEndpointUrl" in found:
        os.environ |= {"AWS_ENDPOINT_URL": found["AwsEndpointUrl"], **outputs.EMULATOR_CREDENTIALS}


def _collection() -> seeding.Collection:
    return seeding.Collection(
        items=wiring.items(),
        images=wiring.images(),
        analyses=wiring.analyses(),
        index=wiring.search_index(),
        embedder=wiring.embedder,
    )


if __name__ == "__main__":
    logging.getLogger("collections").setLevel(logging.WARNING)
    os.environ.setdefault("POWERTOOLS_METRICS_DISABLED", "true")  # their lines are for CloudWatch
    typer.run(main)
