"""The golden set, as people reviewed it, into the demo user's collection of a running cloud. Nothing is read by OCR."""

import os
from pathlib import Path

import typer

from app.evaluation import datasets, seeding
from app.platform import wiring
from app.platform.errors import AppError
from scripts import outputs
from scripts.console import fail, say
from scripts.deployed_collection import saved_token
from scripts.local.paths import ROOT
from scripts.outputs import Cloud, cloud_name

# Where Lambda unpacks a bundle: paths in its environment begin there.
_LAMBDA_ROOT = "/var/task"


def main(cloud: Cloud = "local") -> None:
    """Import the reviewed analyses and their images; repeat it at any time."""
    folder = os.environ.get("GOLDEN_DIR", "")
    if not folder or not (Path(folder) / "analyses.json").is_file():
        fail("GOLDEN_DIR does not name a golden set: a folder with analyses.json, queries.json and images/.")
    name = cloud_name(cloud)
    found = outputs.read(name)
    token = saved_token(name, found)
    configure(found)
    try:
        user_id = wiring.token_verifier().verify(token).user_id
        seeded = seeding.seed(user_id, datasets.golden_pictures(Path(folder)), into=_collection())
    except AppError as exc:
        fail(exc.detail)
    finally:
        wiring.database().close()
    say(f"[green]✓[/] {seeded.added} added, {seeded.described} described anew, {seeded.unchanged} as they should be")


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
    typer.run(main)
