"""List cursors: opaque to clients, bound to the query they continue."""

import base64
import binascii
import hashlib
import json
from datetime import datetime
from uuid import UUID

from app.items.lists import Position
from app.platform.errors import InvalidInput

# The longest filename in the widest letters makes about 2200.
_MAX_LENGTH = 4000


def encode(position: Position, *, query: str) -> str:
    """Args:
    query: whatever identifies the list that is being paged (sort and filters), the same on every page.
    """
    value = position.value.isoformat() if isinstance(position.value, datetime) else position.value
    content = json.dumps([value, str(position.item_id), _digest(query)], ensure_ascii=False)
    return base64.urlsafe_b64encode(content.encode()).decode().rstrip("=")


def decode(cursor: str, *, query: str, is_time: bool) -> Position:
    """Raises InvalidInput for a cursor that was not made here, or not for this query."""
    try:
        if len(cursor) > _MAX_LENGTH:
            raise ValueError("too long")
        padded = cursor + "=" * (-len(cursor) % 4)
        value, item_id, digest = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        if digest != _digest(query) or not isinstance(value, str) or "\x00" in value:
            raise ValueError("another query's cursor")
        value.encode()  # a forged one may hold half a character, which PostgreSQL cannot be asked for
        return Position(datetime.fromisoformat(value) if is_time else value, UUID(item_id))
    except (ValueError, TypeError, AttributeError, RecursionError, binascii.Error) as exc:
        raise InvalidInput("The cursor does not belong to this list.") from exc


def _digest(query: str) -> str:
    return hashlib.sha256(query.encode()).hexdigest()[:16]
