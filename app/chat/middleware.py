"""What happens around the agent's own loop: remembering and forgetting, instructions, limits."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from langchain.agents.middleware import AgentMiddleware, ModelRequest, ModelResponse
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, SystemMessage
from langgraph.runtime import Runtime
from langgraph.types import Overwrite

from app.chat import memory, prompt
from app.chat.grounding import Grounding
from app.chat.memory import ChatState
from app.chat.models import NOTHING_FOUND, Message, Usage
from app.chat.summaries import Summarise, Summary, tokens
from app.chat.turn import Outcome, Turn
from app.platform.prices import cost_usd
from app.platform.settings import ChatSettings

# Said where a turn's limits are reached before there is an answer.
TOO_MUCH = "This took more looking up than one answer may take. Ask for a part of it."

Clock = Callable[[], datetime]


class Memory(AgentMiddleware[ChatState, Turn]):
    """Keeps the history short, and writes a finished turn down as its reader sees it."""

    state_schema = ChatState

    def __init__(self, model_name: str, settings: ChatSettings, summarise: Summarise, now: Clock) -> None:
        super().__init__()
        self._model_name = model_name
        self._summarise = summarise
        self._max_tokens = settings.chat_history_tokens
        self._now = now

    def before_agent(self, state: ChatState, runtime: Runtime[Turn]) -> dict[str, Any] | None:
        turn, messages = runtime.context, list(state["messages"])
        replaced = memory.replaced(messages) if turn.question.replaces_turn else []
        kept = [message for message in messages if message not in replaced]
        turn.own_texts.extend(message.text for message in kept if isinstance(message, HumanMessage))
        dropped = memory.too_long_ago(kept, max_tokens=self._max_tokens)
        update: dict[str, Any] = {"messages": memory.forgotten([*replaced, *dropped])}
        if dropped:
            turn.summary = self._summarise(state.get("summary", ""), dropped)
            update["summary"] = turn.summary.text
        return update if update["messages"] else None

    def after_agent(self, state: ChatState, runtime: Runtime[Turn]) -> dict[str, Any] | None:
        turn, messages = runtime.context, memory.of_this_turn(state["messages"])
        content, grounding = grounded(messages[-1].text, turn)
        asked = Message("user", turn.question.text, self._now())
        answered = Message("assistant", content, self._now(), tuple(grounding.citations), memory.tools_used(messages))
        usage = self._usage(messages, turn.summary)
        turn.outcome = Outcome(answered, usage, grounding.removed_citations, grounding.removed_links)
        said = [memory.written(asked), memory.written(answered)]
        if turn.question.replaces_turn:
            return {
                "messages": memory.settled(messages),
                "transcript": Overwrite([*state["transcript"][: -len(said)], *said]),
            }
        return {"messages": memory.settled(messages), "transcript": said}

    def _usage(self, messages: Sequence[AnyMessage], summary: Summary) -> Usage:
        counts = [tokens(message) for message in messages if isinstance(message, AIMessage)]
        read = summary.input_tokens + sum(read for read, _ in counts)
        written = summary.output_tokens + sum(written for _, written in counts)
        if not read and not written:
            return Usage(self._model_name)
        cost = cost_usd(self._model_name, input_tokens=read, output_tokens=written)
        return Usage(self._model_name, read, written, cost)


def grounded(text: str, turn: Turn) -> tuple[str, Grounding]:
    """What of a model's answer its reader gets. One whose every citation was made up is worth nothing."""
    grounding = Grounding(turn.headlines, lambda: turn.own_texts)
    content = (grounding.feed(text) + grounding.close()).strip()
    is_made_up = bool(grounding.removed_citations) and not grounding.citations
    return NOTHING_FOUND if is_made_up or not content else content, grounding


class Instructions(AgentMiddleware[ChatState, Turn]):
    """Tells the model what it is there for, and stops asking it when a turn has taken enough."""

    state_schema = ChatState

    def __init__(self, settings: ChatSettings, now: Clock) -> None:
        super().__init__()
        # One more to be told that there are no more calls, and one to answer.
        self._calls = settings.chat_tool_calls + 2
        self._tokens = settings.chat_turn_tokens
        self._now = now

    def wrap_model_call(
        self, request: ModelRequest[Turn], handler: Callable[[ModelRequest[Turn]], ModelResponse[Any]]
    ) -> ModelResponse[Any] | AIMessage:
        answers = [each for each in memory.of_this_turn(request.messages) if isinstance(each, AIMessage)]
        used = sum(answer.usage_metadata["total_tokens"] for answer in answers if answer.usage_metadata)
        if len(answers) >= self._calls or used >= self._tokens:
            return AIMessage(TOO_MUCH)
        earlier = str(request.state.get("summary", ""))
        told = SystemMessage(prompt.system(self._now().astimezone(UTC).date(), earlier))
        return handler(request.override(system_message=told))
