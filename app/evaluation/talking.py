"""Holds judged conversations with an assistant in this process, over collections in a database of its own."""

import time
from collections.abc import Callable
from dataclasses import replace
from uuid import NAMESPACE_URL, UUID, uuid5

from app.chat.collection import Collection
from app.chat.models import Event, Question, Thread
from app.chat.service import Assistant, thread_id
from app.evaluation import dialogues, runner
from app.evaluation.dialogues import Dialogues, Person, Said
from app.items.store import ItemStore
from app.platform.database import Database
from app.platform.errors import AppError
from app.search.models import Embedder


def load(held: Dialogues, *, database: Database, embedder: Embedder) -> None:
    """Give everybody their items, through the stores and stages of the application."""
    for person in held.people:
        runner.load(person.collection, database=database, embedder=embedder)
        _add_notes(person, ItemStore(database))


def _add_notes(person: Person, items: ItemStore) -> None:
    user_id = runner.tenant_of(person.collection)
    for entry in person.collection.entries:
        if entry.name in person.notes:
            items.edit(user_id, entry.item_id, {"notes": person.notes[entry.name]}, then=lambda *_: True)


class Talking:
    """A `Talk`: every person's conversations, one assistant for all of them, as in one container."""

    def __init__(
        self,
        held: Dialogues,
        assistant: Assistant,
        collection: Callable[[UUID], Collection],
        *,
        heard: Callable[[Event], None] = lambda _: None,
    ) -> None:
        self._assistant = assistant
        self._collection = collection
        self._heard = heard
        self._names = dialogues.names_by_id(held)
        self._users = {person.name: runner.tenant_of(person.collection) for person in held.people}
        self._threads: dict[tuple[str, str], Thread] = {}

    def __call__(self, person: str, session: str, text: str) -> Said:
        user_id = self._users[person]
        first = Thread(thread_id(user_id, uuid5(NAMESPACE_URL, session)))
        thread = self._threads.get((person, session), first)
        started = time.perf_counter()
        try:
            reply = self._assistant.answer(
                thread, Question(text), collection=self._collection(user_id), sink=self._heard
            )
        except AppError as exc:
            return Said("", milliseconds=_since(started), error=f"{type(exc).__name__}: {exc.detail}")
        self._threads[person, session] = replace(thread, checkpoint_id=reply.checkpoint_id)
        cited = tuple(self._names.get(each.item_id, str(each.item_id)) for each in reply.message.citations)
        return Said(reply.message.content, cited, _since(started))


def _since(started: float) -> float:
    return (time.perf_counter() - started) * 1000
