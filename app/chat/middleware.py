"""What happens around the agent's own loop: remembering and forgetting, instructions, limits."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from langchain.agents.middleware import AgentMiddleware, ModelRequest, ModelResponse
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, SystemMessage
from langgraph.runtime import Runtime

from app.chat import memory, prompt
from app.chat.grounding import Grounding
from app.chat.memory import ChatState
from app.chat.models import NOTHING_FOUND, Message, Usage
from app.chat.turn import Outcome, Turn
from app.platform.prices import cost_usd
from app.platform.settings import ChatSettings

# Said where a turn's limits are reached before there is an answer.
TOO_MUCH = "This took more looking up than one answer may take. Ask for a part of it."

Clock = Callable[[], datetime]


class Memory(AgentMiddleware[ChatState, Turn]):
    """Keeps the history short, and writes a finished turn down as its reader sees it."""

    state_schema = ChatState

    def __init__(self, model_name: str, settings: ChatSettings, now: Clock) -> None:
        super().__init__()
        self._model_name = model_name
        self._max_tokens = settings.chat_history_tokens
        self._now = now

    def before_agent(self, state: ChatState, runtime: Runtime[Turn]) -> dict[str, Any] | None:
        said = [message.text for message in state["messages"] if isinstance(message, HumanMessage)]
        runtime.context.own_texts.extend(said)
        return memory.trimmed(state["messages"], state.get("summary", ""), max_tokens=self._max_tokens)

    def after_agent(self, state: ChatState, runtime: Runtime[Turn]) -> dict[str, Any] | None:
        turn, messages = runtime.context, memory.of_this_turn(state["messages"])
        content, grounding = grounded(messages[-1].text, turn)
        asked = Message("user", turn.question.text, self._now())
        answered = Message("assistant", content, self._now(), tuple(grounding.citations), memory.tools_used(messages))
        turn.outcome = Outcome(answered, self._usage(messages), grounding.removed_citations, grounding.removed_links)
        return {
            "messages": memory.settled(messages),
            "transcript": [memory.written(asked), memory.written(answered)],
        }

    def _usage(self, messages: Sequence[AnyMessage]) -> Usage:
        counts = [message.usage_metadata for message in messages if isinstance(message, AIMessage)]
        read = sum(count["input_tokens"] for count in counts if count)
        written = sum(count["output_tokens"] for count in counts if count)
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
