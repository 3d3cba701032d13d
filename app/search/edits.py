"""Making a user's edit findable: the words at once, the vector in the background and only when its text changed."""

from app.analysis import store as analyses
from app.items.models import Item
from app.platform.database import Connection
from app.search import documents, store


def reindex(connection: Connection, item: Item) -> bool:
    """Renew an item's search row inside the transaction that edits it. Returns whether its vector is of another text.

    An item that is not findable yet stays so: the pipeline will read the edit when it gets there.
    """
    document = analyses.latest_document(connection, item)
    if document is None:
        return False
    built = documents.build(item, document)
    embedded = store.embedded_text(connection, item)
    store.refresh(connection, item=item, document=built)
    return embedded not in (None, store.fingerprint(built))
