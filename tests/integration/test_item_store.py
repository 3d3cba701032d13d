"""Items in real PostgreSQL: lists paged while they grow, claims that one worker wins, rows that go for good."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from app.analysis import store as analysis_store
from app.analysis.models import AnalysisDocument, ImageDetails, ProviderAnswer
from app.analysis.store import AnalysisStore, document_of
from app.items import service
from app.items.lists import ORDERS, Position
from app.items.models import ANALYSIS, EMBEDDING, IMAGE_PROCESSING, Claim, Item, ItemFilter, Stage, Status, as_text
from app.items.s3 import original_key
from app.items.store import ItemStore, NewItem
from app.items.work import LeaseLost, Measured, save_measured
from app.platform.database import Connection, Database
from app.platform.errors import PermanentFailure, Unavailable
from app.search import store as search_store
from app.search.models import DIMENSIONS, Document
from tests.fakes import MemoryItems, an_item

EVERYTHING = ItemFilter()
LEASE_S = 120
NEW_YEAR = datetime(2024, 1, 1, tzinfo=UTC)
Add = Callable[..., Item]


def new_item(user_id: UUID, *, filename: str = "photo.jpg", digest: bytes | None = None) -> NewItem:
    item_id = uuid4()
    return NewItem(user_id, item_id, original_key(user_id, item_id, "image/jpeg"), filename, "image/jpeg", 3, digest)


def measured(body: bytes = b"bytes", **changes: Any) -> Measured:
    what = Measured(
        mime_type="image/png",
        file_size=len(body),
        sha256=sha256(body).digest(),
        etag="etag",
        width=40,
        height=30,
        taken_at=None,
        phash=-1,
    )
    return replace(what, **changes)


def keep(_connection: Connection) -> None:
    """A stage that leaves nothing behind but the status."""


@pytest.fixture
def add(items: ItemStore, owner: psycopg.Connection, user_id: UUID) -> Add:
    """Add an item, with any columns set to what a test wants."""

    def add(**columns: Any) -> Item:
        new = new_item(user_id, filename=columns.pop("filename", "photo.jpg"), digest=columns.pop("digest", None))
        item, _ = items.add(new)
        if columns:
            assignments = ", ".join(f"{name} = %s" for name in columns)
            owner.execute(f"UPDATE items SET {assignments} WHERE item_id = %s", [*columns.values(), item.item_id])
        return now(items, item)

    return add


def now(items: ItemStore, item: Item) -> Item:
    found = items.get(item.user_id, item.item_id)
    assert found
    return found


# --- adding -----------------------------------------------------------------------------------------------------------


def test_an_added_item_can_be_read_back(items: ItemStore, user_id: UUID) -> None:
    new = new_item(user_id, digest=sha256(b"x").digest())

    item, is_new = items.add(new)

    assert is_new
    assert items.get(user_id, new.item_id) == item
    assert (item.status, item.generation, item.attempts, item.tags) == (Status.UPLOADING, 1, 0, [])
    assert item.created_at == item.occurred_at


def test_the_same_bytes_are_the_same_item(items: ItemStore, user_id: UUID) -> None:
    first, _ = items.add(new_item(user_id, digest=sha256(b"x").digest()))

    second, is_new = items.add(new_item(user_id, digest=sha256(b"x").digest()))

    assert not is_new
    assert second.item_id == first.item_id


def test_the_same_object_is_the_same_item(items: ItemStore, user_id: UUID) -> None:
    new = new_item(user_id)
    first, _ = items.add(new)

    second, is_new = items.add(replace(new, item_id=uuid4()))

    assert (second.item_id, is_new) == (first.item_id, False)


def test_eight_uploads_of_the_same_bytes_at_once_are_one_item(items: ItemStore, user_id: UUID) -> None:
    digest = sha256(b"x").digest()

    with ThreadPoolExecutor(8) as threads:
        added = list(threads.map(lambda _: items.add(new_item(user_id, digest=digest)), range(8)))

    assert len({item.item_id for item, _ in added}) == 1
    assert sum(is_new for _, is_new in added) == 1


def test_the_same_bytes_of_two_users_are_two_items(items: ItemStore, user_id: UUID, owner: psycopg.Connection) -> None:
    somebody_else, digest = uuid4(), sha256(b"x").digest()
    items.add(new_item(user_id, digest=digest))

    _, is_new = items.add(new_item(somebody_else, digest=digest))

    assert is_new
    owner.execute("DELETE FROM items WHERE user_id = %s", [somebody_else])


def test_items_without_a_hash_are_not_each_other_s_duplicates(items: ItemStore, user_id: UUID) -> None:
    added = [items.add(new_item(user_id)) for _ in range(2)]

    assert [is_new for _, is_new in added] == [True, True]


def test_the_bytes_of_a_deleted_item_may_come_again(items: ItemStore, user_id: UUID) -> None:
    digest = sha256(b"x").digest()
    first, _ = items.add(new_item(user_id, digest=digest))
    items.mark_deleted(user_id, first.item_id)

    second, is_new = items.add(new_item(user_id, digest=digest))

    assert is_new
    assert items.find_by_sha256(user_id, [digest]) == {digest: second}


def test_an_object_of_an_item_that_is_being_deleted_asks_for_patience(items: ItemStore, user_id: UUID) -> None:
    new = new_item(user_id)
    items.add(new)
    items.mark_deleted(user_id, new.item_id)

    with pytest.raises(Unavailable):
        items.add(replace(new, item_id=uuid4()))


@pytest.mark.parametrize("filename", ["a\x00b.jpg", "\ud83d.jpg", "\N{RIGHT-TO-LEFT OVERRIDE}gpj.exe", "'; --", "%s"])
def test_any_filename_can_be_stored(items: ItemStore, user_id: UUID, filename: str) -> None:
    item, _ = items.add(new_item(user_id, filename=as_text(filename)))

    assert now(items, item).original_filename == as_text(filename)


# --- lists ------------------------------------------------------------------------------------------------------------


def paged(items: ItemStore, user_id: UUID, sort: str, *, limit: int = 3, **narrow: Any) -> Iterator[list[Item]]:
    after: Position | None = None
    while True:
        page, after, _ = service.list_items(
            user_id, narrow=ItemFilter(**narrow), sort=sort, after=after, limit=limit, items=items
        )
        yield page
        if after is None:
            return


def names(pages: Iterator[list[Item]]) -> list[UUID]:
    return [item.item_id for page in pages for item in page]


def sort_key(sort: str) -> Callable[[Item], Any]:
    return lambda item: (ORDERS[sort].value(item), item.item_id)


@pytest.fixture
def with_ties(add: Add) -> list[Item]:
    """Ten items that share times and names, so that only the id tells them apart."""
    moment = datetime(2024, 5, 17, tzinfo=UTC)
    return [
        add(filename="same.jpg", created_at=moment, taken_at=moment if n % 2 else None, title="a" if n % 3 else None)
        for n in range(10)
    ]


@pytest.mark.parametrize("sort", ORDERS)
@pytest.mark.parametrize("limit", [1, 3, 5, 10, 100])
def test_every_item_is_on_exactly_one_page(
    items: ItemStore, user_id: UUID, with_ties: list[Item], sort: str, limit: int
) -> None:
    listed = names(paged(items, user_id, sort, limit=limit))

    wanted = sorted(with_ties, key=sort_key(sort), reverse=sort.startswith("-"))
    assert listed == [item.item_id for item in wanted]


@pytest.mark.parametrize("sort", ORDERS)
def test_items_that_arrive_between_pages_neither_repeat_nor_hide_others(
    items: ItemStore, user_id: UUID, with_ties: list[Item], add: Add, sort: str
) -> None:
    pages = paged(items, user_id, sort)

    listed = [item.item_id for item in next(pages)]
    add(filename="zz.jpg")
    add(filename="AA.jpg", created_at=datetime(2020, 1, 1, tzinfo=UTC))
    listed += names(pages)

    assert len(set(listed)) == len(listed)
    assert {item.item_id for item in with_ties} <= set(listed)


def test_items_deleted_between_pages_leave_no_gap(items: ItemStore, user_id: UUID, with_ties: list[Item]) -> None:
    pages = paged(items, user_id, "-created_at")

    first = next(pages)
    items.mark_deleted(user_id, first[-1].item_id)
    listed = {item.item_id for item in first} | set(names(pages))

    assert listed == {item.item_id for item in with_ties}


def test_an_empty_title_sorts_as_the_empty_text_it_is(items: ItemStore, user_id: UUID, add: Add) -> None:
    added = [add(filename=f"{n}.jpg", title="") for n in range(4)] + [add(filename="0.jpg", title="b")]

    listed = names(paged(items, user_id, "title", limit=2))

    assert sorted(listed) == sorted(item.item_id for item in added)
    assert listed[-1] == added[-1].item_id


def test_titles_in_any_script_can_be_paged(items: ItemStore, user_id: UUID, add: Add) -> None:
    added = [
        add(title=title) for title in ("Öl", "ol", "Zebra", "zebra", "写真", "\N{PILE OF POO}", "_", "É", "é", "'")
    ]

    listed = names(paged(items, user_id, "title", limit=2))

    assert sorted(listed) == sorted(item.item_id for item in added)


def test_the_total_counts_what_the_filter_lets_through_on_every_page(
    items: ItemStore, user_id: UUID, with_ties: list[Item]
) -> None:
    order = ORDERS["created_at"]
    page, total = items.list_page(user_id, narrow=EVERYTHING, order=order, after=None, limit=4)

    behind = Position(order.value(page[-1]), page[-1].item_id)
    _, total_later = items.list_page(user_id, narrow=EVERYTHING, order=order, after=behind, limit=4)

    assert (total, total_later) == (10, 10)


@pytest.mark.parametrize(
    ("narrow", "wanted"),
    [
        ({}, {"plain", "mine", "ready"}),
        ({"status": Status.READY}, {"ready"}),
        ({"category": "receipt"}, {"mine"}),
        ({"category": "recipe"}, {"ready"}),
        ({"tag": "rome"}, {"mine"}),
        ({"tag": "ROME"}, set()),
        ({"favorite": True}, {"ready"}),
        ({"favorite": False}, {"plain", "mine"}),
        ({"occurred_from": NEW_YEAR + timedelta(days=1)}, {"ready"}),
        ({"occurred_to": NEW_YEAR + timedelta(days=1)}, {"plain", "mine"}),
        (
            {"occurred_from": NEW_YEAR, "occurred_to": NEW_YEAR + timedelta(days=1)},
            {"mine"},
        ),
        ({"tag": "rome", "status": Status.READY}, set()),
    ],
)
def test_filters_narrow_lists_and_totals(
    items: ItemStore, user_id: UUID, add: Add, narrow: dict[str, Any], wanted: set[str]
) -> None:
    add(title="plain", created_at=datetime(2023, 6, 1, tzinfo=UTC))
    add(
        title="mine",
        category="receipt",
        analyzed_category="recipe",
        tags=["rome", "2024"],
        created_at=NEW_YEAR,
    )
    add(
        title="ready",
        analyzed_category="recipe",
        favorite=True,
        status="ready",
        created_at=datetime(2023, 6, 1, tzinfo=UTC),
        taken_at=NEW_YEAR + timedelta(days=1),
    )

    listed, total = items.list_page(
        user_id, narrow=ItemFilter(**narrow), order=ORDERS["created_at"], after=None, limit=10
    )

    assert {item.title for item in listed} == wanted
    assert total == len(wanted)


def test_a_tag_finds_the_items_that_have_it_now(items: ItemStore, user_id: UUID, add: Add) -> None:
    def tagged(tag: str) -> tuple[set[UUID], int]:
        listed, total = items.list_page(
            user_id, narrow=ItemFilter(tag=tag), order=ORDERS["created_at"], after=None, limit=10
        )
        return {item.item_id for item in listed}, total

    one, two = add(tags=["rome", "2024", "rome"]), add(tags=["rome"])
    assert tagged("rome") == ({one.item_id, two.item_id}, 2)

    items.edit(user_id, one.item_id, {"tags": ["2024", "kyoto"]}, then=lambda _connection, _item: True)

    assert tagged("rome") == ({two.item_id}, 1)
    assert tagged("2024") == tagged("kyoto") == ({one.item_id}, 1)
    items.edit(user_id, one.item_id, {"tags": []}, then=lambda _connection, _item: True)
    items.mark_deleted(user_id, two.item_id)
    assert tagged("rome") == tagged("2024") == tagged("kyoto") == (set(), 0)


def test_an_imported_tag_may_be_longer_than_an_index_entry(items: ItemStore, user_id: UUID, add: Add) -> None:
    item = add(tags=["long" * 2000, "short"])

    listed, _ = items.list_page(
        user_id, narrow=ItemFilter(tag="short"), order=ORDERS["created_at"], after=None, limit=10
    )

    assert [found.tags for found in listed] == [item.tags]


# --- claims and fences: the same contract for PostgreSQL and for the fake that unit tests use -------------------------


class Postgres:
    """The store under test, with the few things a test does behind its back."""

    def __init__(self, items: ItemStore, owner: psycopg.Connection, add: Add) -> None:
        self.items, self._owner, self._add = items, owner, add

    def waiting(self) -> Item:
        return self._add(status="analyzing")

    def expire_leases(self, item: Item) -> None:
        self._owner.execute("UPDATE items SET lease_until = now() - interval '1 s' WHERE item_id = %s", [item.item_id])

    def delete(self, item: Item) -> None:
        self.items.mark_deleted(item.user_id, item.item_id)


class Memory:
    def __init__(self) -> None:
        self.items = MemoryItems()

    def waiting(self) -> Item:
        item = an_item(status=Status.ANALYZING)
        self.items.put(item)
        return item

    def expire_leases(self, _item: Item) -> None:
        self.items.expire_leases()

    def delete(self, item: Item) -> None:
        self.items.delete(item)


@pytest.fixture(params=["postgres", "memory"])
def stage_store(request: pytest.FixtureRequest) -> Postgres | Memory:
    if request.param == "memory":
        return Memory()
    return Postgres(*(request.getfixturevalue(name) for name in ("items", "owner", "add")))


def claimed(store: Postgres | Memory, item: Item) -> Claim:
    claim = store.items.claim(item.ref, ANALYSIS, lease_seconds=LEASE_S)
    assert claim
    return claim


def seen(store: Postgres | Memory, item: Item) -> Item:
    found = store.items.get(item.user_id, item.item_id)
    assert found
    return found


def test_of_eight_claims_at_once_exactly_one_wins(stage_store: Postgres | Memory) -> None:
    item = stage_store.waiting()

    with ThreadPoolExecutor(8) as threads:
        claims = list(
            threads.map(lambda _: stage_store.items.claim(item.ref, ANALYSIS, lease_seconds=LEASE_S), range(8))
        )

    assert sum(claim is not None for claim in claims) == 1


def test_a_claim_takes_the_item_for_its_stage_and_counts(stage_store: Postgres | Memory) -> None:
    item = stage_store.waiting()

    claim = claimed(stage_store, item)

    assert claim.item == seen(stage_store, item)
    assert (claim.item.status, claim.item.attempts) == (Status.ANALYZING, 1)
    assert claim.item.lease_until
    assert abs((claim.item.lease_until - datetime.now(UTC)).total_seconds() - LEASE_S) < 5


@pytest.mark.parametrize("stage", [EMBEDDING, IMAGE_PROCESSING])
def test_a_stage_claims_only_what_waits_for_it(stage_store: Postgres | Memory, stage: Stage) -> None:
    item = stage_store.waiting()

    assert stage_store.items.claim(item.ref, stage, lease_seconds=LEASE_S) is None


def test_another_generation_is_not_claimed(stage_store: Postgres | Memory) -> None:
    item = stage_store.waiting()

    assert stage_store.items.claim(replace(item.ref, generation=2), ANALYSIS, lease_seconds=LEASE_S) is None


def test_another_tenant_claims_nothing(stage_store: Postgres | Memory) -> None:
    item = stage_store.waiting()

    assert stage_store.items.claim(replace(item.ref, user_id=uuid4()), ANALYSIS, lease_seconds=LEASE_S) is None


def test_a_finished_item_has_moved_on_and_forgotten_its_attempts(stage_store: Postgres | Memory) -> None:
    item = stage_store.waiting()

    stage_store.items.finish(claimed(stage_store, item), ANALYSIS, write=keep)

    after = seen(stage_store, item)
    assert (after.status, after.attempts, after.lease_until) == (Status.EMBEDDING, 0, None)


def test_an_expired_lease_goes_to_the_next_and_fences_the_first(stage_store: Postgres | Memory) -> None:
    item = stage_store.waiting()
    first = claimed(stage_store, item)
    stage_store.expire_leases(item)
    second = claimed(stage_store, item)

    with pytest.raises(LeaseLost):
        stage_store.items.finish(first, ANALYSIS, write=keep)
    refused = stage_store.items.fail(first, ANALYSIS, code="refused", message="No.")
    stage_store.items.release(first)

    assert not refused
    assert seen(stage_store, item).lease_until == second.item.lease_until
    assert second.item.attempts == 2
    stage_store.items.finish(second, ANALYSIS, write=keep)


def test_a_lease_that_expired_but_was_not_taken_still_finishes(stage_store: Postgres | Memory) -> None:
    item = stage_store.waiting()
    claim = claimed(stage_store, item)
    stage_store.expire_leases(item)

    stage_store.items.finish(claim, ANALYSIS, write=keep)

    assert seen(stage_store, item).status is Status.EMBEDDING


def test_a_write_that_fails_leaves_the_item_as_it_was(stage_store: Postgres | Memory) -> None:
    item = stage_store.waiting()
    claim = claimed(stage_store, item)

    def refuse(_connection: Connection) -> None:
        raise KeyError

    with pytest.raises(KeyError):
        stage_store.items.finish(claim, ANALYSIS, write=refuse)

    assert seen(stage_store, item) == claim.item
    stage_store.items.finish(claim, ANALYSIS, write=keep)


def test_a_failed_item_says_where_and_why(stage_store: Postgres | Memory) -> None:
    item = stage_store.waiting()

    failed = stage_store.items.fail(claimed(stage_store, item), ANALYSIS, code="refused", message="No.")

    after = seen(stage_store, item)
    assert failed
    assert (after.status, after.lease_until) == (Status.FAILED, None)
    assert (after.error_stage, after.error_code, after.error_message) == ("analyzer", "refused", "No.")


def test_a_released_item_can_be_claimed_at_once_and_remembers_its_attempts(stage_store: Postgres | Memory) -> None:
    item = stage_store.waiting()

    stage_store.items.release(claimed(stage_store, item))

    assert claimed(stage_store, item).item.attempts == 2


def test_a_deleted_item_is_gone_for_whoever_worked_on_it(stage_store: Postgres | Memory) -> None:
    item = stage_store.waiting()
    claim = claimed(stage_store, item)

    stage_store.delete(item)

    assert stage_store.items.get(item.user_id, item.item_id) is None
    assert stage_store.items.claim(item.ref, ANALYSIS, lease_seconds=LEASE_S) is None
    assert not stage_store.items.fail(claim, ANALYSIS, code="refused", message="No.")
    with pytest.raises(LeaseLost):
        stage_store.items.finish(claim, ANALYSIS, write=keep)


# --- what stages write ------------------------------------------------------------------------------------------------


def processing(items: ItemStore, item: Item) -> Claim:
    claim = items.claim(item.ref, IMAGE_PROCESSING, lease_seconds=LEASE_S)
    assert claim
    return claim


def measure(items: ItemStore, item: Item, what: Measured) -> None:
    claim = processing(items, item)
    items.finish(claim, IMAGE_PROCESSING, write=lambda connection: save_measured(connection, item, what))


def test_what_was_measured_stands_in_the_row(items: ItemStore, add: Add) -> None:
    item, taken_at = add(), datetime(2024, 5, 17, tzinfo=UTC)

    measure(items, item, measured(taken_at=taken_at))

    after = now(items, item)
    assert (after.mime_type, after.width, after.height, after.object_etag) == ("image/png", 40, 30, "etag")
    assert after.sha256 == sha256(b"bytes").digest()
    assert after.occurred_at == taken_at


@pytest.mark.parametrize("taken_at", [datetime(2, 1, 1, tzinfo=UTC), datetime(9998, 12, 31, tzinfo=UTC)])
def test_the_oddest_date_of_a_picture_can_be_read_back(items: ItemStore, add: Add, taken_at: datetime) -> None:
    item = add()

    measure(items, item, measured(taken_at=taken_at))

    assert now(items, item).occurred_at == taken_at


def test_the_bytes_of_another_item_are_not_stored_twice(items: ItemStore, add: Add) -> None:
    first, second = add(), add()
    measure(items, first, measured())

    with pytest.raises(Unavailable):
        measure(items, second, measured())

    assert now(items, second).sha256 is None


def test_the_same_item_measured_again_is_not_its_own_twin(items: ItemStore, add: Add) -> None:
    item = add(digest=sha256(b"bytes").digest())

    measure(items, item, measured())

    assert now(items, item).status is Status.ANALYZING


def test_a_deleted_twin_is_no_twin(items: ItemStore, add: Add) -> None:
    first, second = add(), add()
    measure(items, first, measured())
    items.mark_deleted(first.user_id, first.item_id)

    measure(items, second, measured())

    assert now(items, second).sha256 == sha256(b"bytes").digest()


def test_twins_that_finish_at_once_are_told_to_look_again(items: ItemStore, add: Add, owner_url: str) -> None:
    """The other one has written its hash but not committed: only the unique index knows."""
    first, second = add(), add()
    claim = processing(items, second)

    def write(connection: Connection) -> None:
        save_measured(connection, second, measured())

    with psycopg.connect(owner_url) as other, ThreadPoolExecutor(1) as threads:
        other.execute("UPDATE items SET sha256 = %s WHERE item_id = %s", [sha256(b"bytes").digest(), first.item_id])
        finishing = threads.submit(
            items.finish,
            claim,
            IMAGE_PROCESSING,
            write=lambda connection: save_measured(connection, second, measured()),
        )
        with pytest.raises(TimeoutError):
            finishing.result(timeout=0.2)
        other.commit()

        with pytest.raises(Unavailable):
            finishing.result()


def answer(**changes: Any) -> ProviderAnswer:
    document = AnalysisDocument(category="receipt", headline="A receipt", summary="Bread", **changes)
    return ProviderAnswer(document, provider="fake", model="fake-1", prompt_version="1")


def analyze(items: ItemStore, item: Item, what: ProviderAnswer) -> None:
    claim = items.claim(item.ref, ANALYSIS, lease_seconds=LEASE_S)
    assert claim
    items.finish(claim, ANALYSIS, write=lambda connection: analysis_store.save(connection, item, what))


def test_an_analysis_survives_nul_and_half_characters(items: ItemStore, analyses: AnalysisStore, add: Add) -> None:
    item = add(status="analyzing")
    details = ImageDetails(extracted_text=["a\x00b", "\ud83d"], likely_source="\x00")

    analyze(items, item, answer(image_details=details))

    stored = analyses.latest(item.user_id, [item.item_id])[item.item_id]
    assert stored.raw_response["image_details"]["extracted_text"] == ["ab", "?"]


def test_an_analysis_that_is_nothing_but_nul_is_told_apart_when_read(
    items: ItemStore, analyses: AnalysisStore, add: Add
) -> None:
    item = add(status="analyzing")
    empty = AnalysisDocument(category="receipt", headline="\x00", summary="")
    analyze(items, item, ProviderAnswer(empty, provider="fake", model="fake-1", prompt_version="1"))
    stored = analyses.latest(item.user_id, [item.item_id])[item.item_id]

    with pytest.raises(PermanentFailure) as failure:
        document_of(stored)

    assert failure.value.code == "invalid_analysis"


def test_a_second_answer_for_one_generation_replaces_the_first(
    items: ItemStore, analyses: AnalysisStore, add: Add, owner: psycopg.Connection
) -> None:
    item = add(status="analyzing")
    analyze(items, item, answer(subcategories=["first"]))
    owner.execute("UPDATE items SET status = 'analyzing' WHERE item_id = %s", [item.item_id])

    analyze(items, item, answer(subcategories=["second"]))

    stored = analyses.latest(item.user_id, [item.item_id])[item.item_id]
    assert (stored.version, stored.raw_response["subcategories"]) == (1, ["second"])


# --- anew, and gone ---------------------------------------------------------------------------------------------------


def test_a_restarted_item_goes_through_the_pipeline_as_its_next_generation(items: ItemStore, add: Add) -> None:
    item = add(status="failed", error_stage="analyzer", error_code="refused", error_message="No.", attempts=3)

    restarted = items.restart(item, mime_type="image/webp", file_size=9)

    assert restarted == now(items, item)
    assert (restarted.status, restarted.generation, restarted.attempts) == (Status.PROCESSING, 2, 0)
    assert restarted.error is None
    assert restarted.sha256 is None


def test_a_restart_fences_out_whoever_worked_on_the_old_generation(items: ItemStore, add: Add) -> None:
    item = add()
    claim = processing(items, item)

    items.restart(item, mime_type="image/webp", file_size=9)

    with pytest.raises(LeaseLost):
        items.finish(claim, IMAGE_PROCESSING, write=keep)


def test_of_eight_restarts_at_once_one_counts(items: ItemStore, add: Add) -> None:
    item = add()

    with ThreadPoolExecutor(8) as threads:
        restarts = list(threads.map(lambda _: items.restart(item, mime_type="image/webp", file_size=9), range(8)))

    assert sum(restart is not None for restart in restarts) == 1
    assert now(items, item).generation == 2


def test_a_deleted_item_is_not_restarted(items: ItemStore, add: Add) -> None:
    item = add()
    items.mark_deleted(item.user_id, item.item_id)

    assert items.restart(item, mime_type="image/webp", file_size=9) is None


def test_deleting_hides_first_and_then_takes_everything(
    items: ItemStore, database_pool: Database, add: Add, owner: psycopg.Connection
) -> None:
    item = add(status="analyzing")
    analyze(items, item, answer())
    with database_pool.tenant(item.user_id) as connection:
        vector = [1.0] + [0.0] * (DIMENSIONS - 1)
        search_store.save(connection, item, Document("A receipt", "", ""), vector, "fake-1")

    items.purge(item.user_id, item.item_id)
    still_there = items.get(item.user_id, item.item_id)
    items.mark_deleted(item.user_id, item.item_id)
    hidden = items.get(item.user_id, item.item_id)
    items.purge(item.user_id, item.item_id)

    assert still_there
    assert hidden is None
    for table in ("items", "analyses", "item_search"):
        found = owner.execute(f"SELECT count(*) FROM {table} WHERE item_id = %s", [item.item_id]).fetchone()
        assert found == (0,)


def test_a_deletion_s_moment_is_when_it_was_first_asked_for(
    items: ItemStore, add: Add, owner: psycopg.Connection
) -> None:
    item = add()
    items.mark_deleted(item.user_id, item.item_id)
    moment = owner.execute("SELECT deleted_at FROM items WHERE item_id = %s", [item.item_id]).fetchone()

    items.mark_deleted(item.user_id, item.item_id)

    assert owner.execute("SELECT deleted_at FROM items WHERE item_id = %s", [item.item_id]).fetchone() == moment


def test_an_item_is_found_by_its_object_even_when_it_is_being_deleted(items: ItemStore, add: Add) -> None:
    item = add()
    items.mark_deleted(item.user_id, item.item_id)

    found = items.find_by_key(item.user_id, item.object_key)

    assert found
    assert found.item_id == item.item_id
    assert items.find_by_key(uuid4(), item.object_key) is None


def test_hashes_are_looked_up_many_at_a_time(items: ItemStore, user_id: UUID, add: Add) -> None:
    digests = [sha256(bytes([n])).digest() for n in range(3)]
    first, second = add(digest=digests[0]), add(digest=digests[1])

    known = items.find_by_sha256(user_id, digests)

    assert known == {digests[0]: first, digests[1]: second}
    assert items.find_by_sha256(uuid4(), digests) == {}
