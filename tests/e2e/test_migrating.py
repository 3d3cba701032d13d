"""docs/migrating.md, typed in by somebody who leaves the previous application."""

import json
import shutil
from pathlib import Path

import httpx

from tests.e2e.collection import Collection
from tests.e2e.local_cloud import LocalCloud, new_login, token_for
from tests.e2e.test_docs_commands import ROOT, blocks, run
from tests.integration.migrate.previous_application import CHROMA, SAVED, write_images, write_sqlite


def test_the_commands_of_the_page_take_everything_over(cloud: LocalCloud, tmp_path: Path) -> None:
    email, password = new_login(cloud)
    write_sqlite(tmp_path / "collections.db")
    write_images(tmp_path / "images")
    shutil.copytree(CHROMA["1.5"], tmp_path / "chroma")
    lines = [line for block in blocks(ROOT / "docs" / "migrating.md") for line in block.lines]
    assert len(lines) == 5

    for line in lines:
        done = run(line.replace("~/previous", str(tmp_path)).replace("ada@example.com", email))
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"

    report = json.loads((ROOT / "reports" / "migrate-validate.json").read_text())
    token = token_for(cloud.client("cognito-idp"), cloud.outputs["CognitoClientId"], email, password)
    with cloud.http(token) as api:
        collection = Collection(api, cloud)
        items = collection.items()
        [first, *_] = collection.search("a boat in a harbour", search_type="vector")
        link = api.get(f"/items/{first['item_id']}/image", params={"variant": "thumbnail"}).headers["location"]
        thumbnail = httpx.get(link)
        collection.delete_all()
    assert {check["name"]: check["wrong"] for check in report} == {
        "counts": 0, "fields": 0, "images": 0, "vectors": 0, "searches": 0,
    }  # fmt: skip
    assert [item["status"] for item in items] == ["ready"] * len(SAVED)
    assert first["headline"] == "A white ferry at the pier"
    assert thumbnail.status_code == 200


def test_what_cannot_be_done_is_told_in_one_line(cloud: LocalCloud, tmp_path: Path) -> None:
    email, _ = new_login(cloud)

    for command, words in [
        (f"make migrate-db SQLITE={tmp_path}/none.db USER={email}", "There is no file"),
        (f"make migrate-db SQLITE={tmp_path}/none.db USER=nobody@example.com", "There is no user nobody@example.com"),
        (f"make migrate-db SQLITE={tmp_path}/none.db", "say whose collection"),
        (f"make migrate-images DIR={tmp_path}/none USER={email}", "There is no folder"),
        (f"make migrate-vectors CHROMA={CHROMA['1.5']} USER={email}", "Name the collection with COLLECTION="),
    ]:
        done = run(command)
        assert done.returncode != 0, command
        assert words in done.stdout + done.stderr
        assert "Traceback" not in done.stdout + done.stderr
