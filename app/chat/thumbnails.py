"""Links that open the thumbnails of cited items."""

from collections.abc import Sequence
from uuid import UUID

from app.chat.schemas import Thumbnail
from app.items.s3 import ImageBucket, rendition_key
from app.items.store import ItemStore


def thumbnails(user_id: UUID, item_ids: Sequence[UUID], *, items: ItemStore, images: ImageBucket) -> Thumbnail:
    """The link of each of these items; None for those that are gone."""
    found = items.get_many(user_id, item_ids) if item_ids else {}

    def thumbnail(item_id: UUID) -> str | None:
        item = found.get(item_id)
        if item is None:
            return None
        return images.presign_get(rendition_key(user_id, item_id, "thumbnail", item.rendition_generation))

    return thumbnail
