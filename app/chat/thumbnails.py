"""Links that open the thumbnails of cited items."""

from collections.abc import Sequence
from uuid import UUID

from app.chat.schemas import Thumbnail
from app.items.s3 import ImageBucket, thumbnail_link
from app.items.store import ItemStore


def thumbnails(user_id: UUID, item_ids: Sequence[UUID], *, items: ItemStore, images: ImageBucket) -> Thumbnail:
    """The link of each of these items; None for those that are gone."""
    found = items.get_many(user_id, item_ids) if item_ids else {}
    signer = images.signer()

    def thumbnail(item_id: UUID) -> str | None:
        item = found.get(item_id)
        if item is None:
            return None
        return thumbnail_link(signer, user_id, item_id, item.rendition_generation)

    return thumbnail
