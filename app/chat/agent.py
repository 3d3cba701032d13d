"""The assistant: a LangGraph agent that calls tools until it can answer, within limits.

What it says is grounded (`app.chat.grounding`) on its way to the reader, and the same way into what is written down.
One checkpoint is written when a turn is over; what a turn that fails has written is never read
(`app.chat.checkpoints`).
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from langchain.agents import create_agent
from langchain.agents.middleware import AgentMiddleware, ToolCallLimitMiddleware
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.errors import GraphRecursionError

from app.chat import memory, tools
from app.chat.collection import Collection
from app.chat.grounding import Grounding
from app.chat.middleware import Clock, Instructions, Memory
from app.chat.models import Delta, Message, Question, Reply, Sink, Thread, ToolStarted
from app.chat.summaries import Summarise, by_rules
from app.chat.turn import Turn, Web
from app.platform.errors import Unavailable
from app.platform.settings import ChatSettings

# A model call and its tools are a few steps of the graph; the middleware above ends a turn long before.
_STEPS_PER_CALL, _STEPS_BESIDES = 4, 10


class LangGraphAssistant:
    """An `app.chat.service.Assistant`. One per container; turns of different conversations may run at once."""

    def __init__(
        self,
        model: BaseChatModel,
        *,
        model_name: str,
        checkpoints: BaseCheckpointSaver[Any],
        settings: ChatSettings,
        web: Web | None = None,
        summarise: Summarise = by_rules,
        now: Clock = lambda: datetime.now(UTC),
    ) -> None:
        self._checkpoints = checkpoints
        self._web = web
        self._steps = _STEPS_PER_CALL * (settings.chat_tool_calls + 2) + _STEPS_BESIDES
        around: list[AgentMiddleware[Any, Turn]] = [
            Memory(model_name, settings, summarise, now),
            Instructions(settings, now),
            ToolCallLimitMiddleware(run_limit=settings.chat_tool_calls),
        ]
        self._graph = create_agent(
            model, tools.offered(web), middleware=around, context_schema=Turn, checkpointer=checkpoints
        )

    def answer(self, thread: Thread, question: Question, *, collection: Collection, sink: Sink) -> Reply:
        turn, checkpoint_id = Turn(collection, question, self._web), ""
        voice = _Voice(turn, sink)
        parts: Iterator[Any] = self._graph.stream(
            {"messages": [HumanMessage(question.text)]},
            {**_config(thread), "recursion_limit": self._steps},
            context=turn,
            stream_mode=["messages", "updates", "checkpoints"],
            durability="exit",
        )
        with _within_limits():
            for mode, part in parts:
                if mode == "messages":
                    voice.says(*part)
                elif mode == "updates":
                    voice.does(part)
                else:
                    # The last one is the one that is kept.
                    checkpoint_id = part["config"]["configurable"]["checkpoint_id"]
        voice.ends()
        if turn.outcome is None:
            raise RuntimeError("the agent ended without an answer")
        outcome = turn.outcome
        return Reply(checkpoint_id, outcome.message, outcome.usage, outcome.removed_citations, outcome.removed_links)

    def messages(self, thread: Thread) -> list[Message]:
        found = self._checkpoints.get_tuple(_config(thread))
        values = found.checkpoint["channel_values"] if found else {}
        return [memory.read(entry) for entry in values.get("transcript", [])]

    def forget(self, thread_id: str) -> None:
        self._checkpoints.delete_thread(thread_id)


class _Voice:
    """Tells the sink what the agent does and says, cleaned."""

    def __init__(self, turn: Turn, sink: Sink) -> None:
        self._turn = turn
        self._sink = sink
        self._grounding = self._silence()

    def says(self, message: BaseMessage, metadata: Mapping[str, Any]) -> None:
        if isinstance(message, AIMessageChunk) and metadata.get("langgraph_node") == "model":
            self._say(self._grounding.feed(message.text))

    def does(self, update: Mapping[str, Any]) -> None:
        made = update.get("model") or {}
        for message in made.get("messages", []):
            for call in message.tool_calls if isinstance(message, AIMessage) else []:
                self._sink(ToolStarted(call["name"], call["args"]))
                # What it said before was thinking aloud.
                self._grounding = self._silence()

    def ends(self) -> None:
        self._say(self._grounding.close())

    def _say(self, text: str) -> None:
        if text:
            self._sink(Delta(text))
        for event in self._grounding.new_citations():
            self._sink(event)

    def _silence(self) -> Grounding:
        return Grounding(self._turn.headlines, lambda: self._turn.own_texts)


def _config(thread: Thread) -> RunnableConfig:
    named = {"checkpoint_id": thread.checkpoint_id} if thread.checkpoint_id else {}
    return {"configurable": {"thread_id": thread.thread_id, "checkpoint_ns": "", **named}}


@contextmanager
def _within_limits() -> Iterator[None]:
    try:
        yield
    except GraphRecursionError as exc:
        raise Unavailable("The answer came to no end. Ask in another way.") from exc
