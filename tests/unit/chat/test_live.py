"""Who hears a turn while it is answered, and what ends it early."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest

from app.chat.live import PIECES_S, Listener, Watch
from app.chat.models import Citation, Cited, Delta, Event, ToolStarted
from app.platform.errors import Conflict, Unavailable

SESSION, ITEM = uuid4(), uuid4()


@dataclass
class Pushes:
    """A connection that takes so many messages."""

    takes: int = 1000
    sent: list[Mapping[str, Any]] = field(default_factory=list)
    tried: int = 0

    def deliver(self, connection_id: str, message: Mapping[str, Any]) -> bool:
        self.tried += 1
        if len(self.sent) >= self.takes:
            return False
        self.sent.append(message)
        return True


@dataclass
class Time:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def listen(time: Time) -> Callable[[Pushes], Listener]:
    return lambda pushes: Listener(pushes, "laptop", SESSION, clock=time)


def test_every_message_says_which_conversation_it_belongs_to(listen: Callable[[Pushes], Listener]) -> None:
    pushes = Pushes()
    listener = listen(pushes)

    for event in (ToolStarted("get_item", {"item_id": str(ITEM)}), Delta("Bread."), Cited(1, Citation(ITEM, "Bread"))):
        listener(event)
    listener.end({"type": "chat.done"})

    assert [message["type"] for message in pushes.sent] == ["chat.tool", "chat.delta", "chat.citation", "chat.done"]
    assert {message["session_id"] for message in pushes.sent} == {str(SESSION)}


def test_words_that_come_faster_are_pushed_together_and_none_is_lost(
    listen: Callable[[Pushes], Listener], time: Time
) -> None:
    pushes = Pushes()
    listener = listen(pushes)

    for number in range(100):
        listener(Delta(f"{number} "))
        time.now += PIECES_S / 10
    listener.end({"type": "chat.done"})

    deltas = [message["text"] for message in pushes.sent if message["type"] == "chat.delta"]
    assert "".join(deltas) == "".join(f"{number} " for number in range(100))
    assert 5 <= len(deltas) <= 12


def test_words_stand_before_the_tool_that_was_called_after_them(listen: Callable[[Pushes], Listener]) -> None:
    pushes = Pushes()
    listener = listen(pushes)

    listener(Delta("Let "))
    listener(Delta("me see."))
    listener(ToolStarted("search_collection", {"query": "bread"}))

    assert [message.get("text", message["type"]) for message in pushes.sent] == ["Let ", "me see.", "chat.tool"]


def test_whoever_is_gone_is_tried_once_and_stops_nothing(listen: Callable[[Pushes], Listener], time: Time) -> None:
    pushes = Pushes(takes=1)
    listener = listen(pushes)

    for _ in range(10):
        listener(Delta("word "))
        time.now += 1
    listener.end({"type": "chat.done"})

    assert len(pushes.sent) == 1
    assert pushes.tried == 2


def watched(heard: list[Event], time: Time, *, is_stopped: Callable[[], bool] = lambda: False) -> Watch:
    return Watch(heard.append, is_stopped=is_stopped, seconds=30, clock=time)


def test_a_turn_ends_between_its_steps_when_it_was_asked_to(time: Time) -> None:
    heard: list[Event] = []
    watch = watched(heard, time, is_stopped=lambda: True)
    watch(Delta("It "))

    with pytest.raises(Conflict, match="stopped"):
        watch(ToolStarted("get_item", {}))

    assert heard == [Delta("It ")]


def test_words_look_for_the_wish_to_stop_once_a_second_at_most(time: Time) -> None:
    looked = 0

    def is_stopped() -> bool:
        nonlocal looked
        looked += 1
        return False

    watch = watched([], time, is_stopped=is_stopped)
    for _ in range(100):
        watch(Delta("word "))
        time.now += 0.025

    assert looked == 2


def test_a_turn_takes_no_step_that_its_function_has_no_time_for(time: Time) -> None:
    watch = watched([], time)
    watch(Delta("It "))
    time.now += 31

    with pytest.raises(Unavailable, match="too long"):
        watch(Delta("is"))
