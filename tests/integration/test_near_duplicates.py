"""Near-duplicates in real PostgreSQL: few bits apart, of one user, and still there."""

from collections.abc import Callable
from hashlib import sha256
from uuid import UUID, uuid4

import psycopg
import pytest

from app.items.lists import NearDuplicate
from app.items.models import Item
from app.items.s3 import original_key
from app.items.store import ItemStore, NewItem

WITHIN = 8
Add = Callable[..., Item]


@pytest.fixture
def add(items: ItemStore, owner: psycopg.Connection, user_id: UUID) -> Add:
    def add_one(phash: int | None, *, of: UUID = user_id) -> Item:
        item_id = uuid4()
        digest = sha256(item_id.bytes).digest()
        key = original_key(of, item_id, "image/jpeg")
        item, _ = items.add(NewItem(of, item_id, key, "photo.jpg", "image/jpeg", 3, digest))
        owner.execute("UPDATE items SET phash = %s WHERE item_id = %s", [phash, item_id])
        return item

    return add_one


def bits(*places: int) -> int:
    """A hash with these bits set; the highest is the sign."""
    value = sum(1 << place for place in places)
    return value - (1 << 64) if value >> 63 else value


def test_the_nearest_come_first_and_the_far_not_at_all(items: ItemStore, user_id: UUID, add: Add) -> None:
    this = add(bits(1, 2, 3, 63))
    same, nearly, edge = add(bits(1, 2, 3, 63)), add(bits(1, 2, 3)), add(bits(1, 2, 3, *range(20, 27)))
    add(bits(1, 2, 3, *range(20, 28)))
    add(~bits(1, 2, 3, 63))

    found = items.near_duplicates(user_id, this, within_bits=WITHIN)

    assert found == [
        NearDuplicate(same.item_id, 0),
        NearDuplicate(nearly.item_id, 1),
        NearDuplicate(edge.item_id, WITHIN),
    ]


def test_only_what_was_looked_at_is_compared(items: ItemStore, user_id: UUID, add: Add) -> None:
    seen, unseen = add(0), add(None)

    assert items.near_duplicates(user_id, seen, within_bits=64) == []
    assert items.near_duplicates(user_id, unseen, within_bits=64) == []


def test_what_is_deleted_is_no_duplicate(items: ItemStore, user_id: UUID, add: Add) -> None:
    this, gone = add(0), add(0)
    items.mark_deleted(user_id, gone.item_id)

    assert items.near_duplicates(user_id, this, within_bits=WITHIN) == []


def test_another_user_s_picture_is_never_named(
    items: ItemStore, user_id: UUID, add: Add, owner: psycopg.Connection
) -> None:
    this, somebody = add(0), uuid4()
    add(0, of=somebody)

    found = items.near_duplicates(user_id, this, within_bits=64)
    owner.execute("DELETE FROM items WHERE user_id = %s", [somebody])

    assert found == []
