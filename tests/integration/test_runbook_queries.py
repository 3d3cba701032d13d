"""What the runbook has people ask the database runs, as whom it says."""

import re
from pathlib import Path

import psycopg
import pytest

RUNBOOK = Path(__file__).parents[2] / "docs" / "runbooks.md"
QUERIES = re.findall(r'^make db-connect .*ROLE=(\w+) SQL="(.*)"$', RUNBOOK.read_text(), flags=re.MULTILINE)


def test_there_are_some() -> None:
    assert len(QUERIES) == 3


@pytest.mark.parametrize(("role", "query"), QUERIES)
def test_a_query_of_the_runbook_runs(owner_url: str, role: str, query: str) -> None:
    url = owner_url if role == "owner" else owner_url.replace("postgres@", f"collections_{role}@")

    with psycopg.connect(url) as connection:
        found = connection.execute(query.encode())

    assert found.description
