"""A turn as its connection hears of it. Whoever is slow or gone hears no more, and stops nothing."""

from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any, Protocol
from uuid import UUID

from app.chat.models import Cited, Delta, Event, Sink, ToolStarted
from app.platform.errors import Conflict, Unavailable

# One push carries what was said in this time: words come faster than pushes are worth it.
PIECES_S = 0.05
_LOOK_EVERY_S = 1.0


class Pushes(Protocol):
    def deliver(self, connection_id: str, message: Mapping[str, Any]) -> bool:
        """Push one message. False: it did not get there."""
        ...


class Listener:
    """A `Sink` that pushes to one connection until it does not take a message."""

    def __init__(
        self,
        pushes: Pushes,
        connection_id: str,
        session_id: UUID,
        *,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._pushes = pushes
        self._connection_id = connection_id
        self._session_id = str(session_id)
        self._clock = clock
        self._is_listening = True
        self._words = ""
        self._said_at = -PIECES_S

    def __call__(self, event: Event) -> None:
        if isinstance(event, Delta):
            self._words += event.text
            if self._clock() - self._said_at >= PIECES_S:
                self._say()
            return
        self._say()
        self._push(_message(event))

    def end(self, message: Mapping[str, Any]) -> None:
        """Say what is left, and the last word."""
        self._say()
        self._push(message)

    def _say(self) -> None:
        if self._words:
            self._push({"type": "chat.delta", "text": self._words})
            self._words, self._said_at = "", self._clock()

    def _push(self, message: Mapping[str, Any]) -> None:
        if self._is_listening:
            addressed = {**message, "session_id": self._session_id}
            self._is_listening = self._pushes.deliver(self._connection_id, addressed)


def _message(event: ToolStarted | Cited) -> dict[str, Any]:
    if isinstance(event, ToolStarted):
        return {"type": "chat.tool", "tool": event.tool, "input": dict(event.input)}
    citation = {"item_id": str(event.citation.item_id), "headline": event.citation.headline}
    return {"type": "chat.citation", "number": event.number, "citation": citation}


class Watch:
    """A `Sink` that ends the turn when it was asked to stop, or its function has no time for another step."""

    def __init__(
        self, sink: Sink, *, is_stopped: Callable[[], bool], seconds: float, clock: Callable[[], float] = monotonic
    ) -> None:
        self._sink = sink
        self._is_stopped = is_stopped
        self._clock = clock
        self._until = clock() + seconds
        self._looked_at = clock()

    def __call__(self, event: Event) -> None:
        """Raises Conflict (it was stopped), Unavailable (it takes too long)."""
        now = self._clock()
        if now > self._until:
            raise Unavailable("The answer took too long. Ask for a part of it.")
        if isinstance(event, ToolStarted) or now - self._looked_at >= _LOOK_EVERY_S:
            self._looked_at = now
            if self._is_stopped():
                raise Conflict("The answer was stopped.")
        self._sink(event)
