"""Chat models that say what a test tells them to."""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool

# A step: words, tool calls as (name, arguments), words before tool calls, or an exception to raise.
Step = str | list[tuple[str, dict[str, Any]]] | tuple[str, list[tuple[str, dict[str, Any]]]] | Exception


class ScriptedChatModel(BaseChatModel):
    """Takes its steps from `script`, or from a function of the messages; keeps what it was shown."""

    script: list[Step] = []  # noqa: RUF012  # a pydantic field
    decide: Callable[[list[BaseMessage]], Step] | None = None
    shown: list[list[BaseMessage]] = []  # noqa: RUF012
    offered: list[str] = []  # noqa: RUF012
    tokens: tuple[int, int] = (0, 0)

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(
        self, tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool], **_: Any
    ) -> Runnable[LanguageModelInput, AIMessage]:
        self.offered = [tool.name for tool in tools if isinstance(tool, BaseTool)]
        return self

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **_: Any,
    ) -> ChatResult:
        whole = None
        for chunk in self._stream(messages):
            whole = chunk if whole is None else whole + chunk
        assert whole is not None
        return ChatResult(generations=[ChatGeneration(message=whole.message)])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **_: Any,
    ) -> Iterator[ChatGenerationChunk]:
        self.shown.append(list(messages))
        step = self.decide(messages) if self.decide else self.script.pop(0)
        if isinstance(step, Exception):
            raise step
        words, calls = step if isinstance(step, tuple) else (step, []) if isinstance(step, str) else ("", step)
        size = max(5, len(words) // 200)
        for start in range(0, len(words), size):
            yield ChatGenerationChunk(message=AIMessageChunk(content=words[start : start + size]))
        last = AIMessageChunk(content="", tool_call_chunks=self._chunks(calls), usage_metadata=self._usage())
        yield ChatGenerationChunk(message=last)

    def _chunks(self, calls: list[tuple[str, dict[str, Any]]]) -> list[Any]:
        return [
            {
                "name": name,
                "args": json.dumps(args),
                "id": f"call-{len(self.shown)}-{index}",
                "index": index,
                "type": "tool_call_chunk",
            }
            for index, (name, args) in enumerate(calls)
        ]

    def _usage(self) -> Any:
        read, written = self.tokens
        return {"input_tokens": read, "output_tokens": written, "total_tokens": read + written} if read else None
