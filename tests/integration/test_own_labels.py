"""What a user calls things, asked of PostgreSQL before each analysis."""

from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.types.json import Jsonb

from app.analysis.store import AnalysisStore


@pytest.fixture
def given(owner: psycopg.Connection, user_id: UUID) -> "Given":
    return Given(owner, user_id)


class Given:
    def __init__(self, owner: psycopg.Connection, user_id: UUID) -> None:
        self._owner, self.user_id = owner, user_id

    def item(self, *tags: str, category: str | None = None, said: object = None, user_id: UUID | None = None) -> UUID:
        """An item with tags and a category of the user's, and subcategories that its analysis said."""
        tenant, item_id = user_id or self.user_id, uuid4()
        self._owner.execute(
            "INSERT INTO items (user_id, item_id, status, object_key, original_filename, mime_type, file_size, tags,"
            " category) VALUES (%s, %s, 'ready', %s, 'a.jpg', 'image/jpeg', 1, %s, %s)",
            [tenant, item_id, str(item_id), list(tags), category],
        )
        if said is not None:
            self._owner.execute(
                "INSERT INTO analyses (user_id, item_id, analysis_id, version, raw_response, provider_used,"
                " model_used, prompt_version) VALUES (%s, %s, %s, 1, %s, 'fake', 'fake-1', '1')",
                [tenant, item_id, uuid4(), Jsonb({"subcategories": said})],
            )
        return item_id


def test_tags_come_by_use_and_before_what_analyses_said_repeatedly(analyses: AnalysisStore, given: Given) -> None:
    for tags in (["ramen", "tokyo"], ["ramen"], []):
        given.item(*tags, said=["noodle soup", "menu"])
    given.item(said=["said once"])

    assert analyses.labels(given.user_id).tags == ("ramen", "tokyo", "menu", "noodle soup")


def test_categories_are_the_users_own_beside_the_general_ones(analyses: AnalysisStore, given: Given) -> None:
    for category in ("wine label", "knitting", "wine label", "receipt", None, " ", "x" * 65):
        given.item(category=category)

    assert analyses.labels(given.user_id).categories == ("wine label", "knitting")


def test_at_most_fifty_tags_and_twenty_categories_are_offered(analyses: AnalysisStore, given: Given) -> None:
    for number in range(70):
        given.item(f"tag {number}", category=f"category {number}")

    labels = analyses.labels(given.user_id)

    assert (len(labels.tags), len(labels.categories)) == (50, 20)


def test_another_tenants_words_and_deleted_items_words_are_not_offered(
    analyses: AnalysisStore, given: Given, owner: psycopg.Connection
) -> None:
    somebody = uuid4()
    for _ in range(2):
        given.item("theirs", category="theirs", said=["theirs"], user_id=somebody)
    gone = given.item("gone", category="gone")
    owner.execute("UPDATE items SET deleted_at = now() WHERE item_id = %s", [gone])

    labels = analyses.labels(given.user_id)

    owner.execute("DELETE FROM items WHERE user_id = %s", [somebody])
    assert (labels.tags, labels.categories) == ((), ())


def test_an_analysis_of_another_form_is_passed_over(analyses: AnalysisStore, given: Given) -> None:
    given.item("mine", said="not a list")
    given.item(said={"an": "object"})

    assert analyses.labels(given.user_id).tags == ("mine",)
