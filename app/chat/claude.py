"""Claude in conversations: langchain-anthropic's model over our client, on Anthropic's own API or on Amazon Bedrock.

Importing this costs seconds: only the function that talks does.
"""

from collections.abc import Callable, Iterator
from functools import cached_property
from time import monotonic
from typing import Any

from anthropic import Anthropic, AnthropicBedrock, APIConnectionError, APIError, APIStatusError
from langchain_anthropic import ChatAnthropic
from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk
from pydantic import SecretStr

from app.platform import spending
from app.platform.errors import AppError, Unavailable
from app.platform.logs import logger
from app.platform.parameters import Secret
from app.platform.providers import ASK_AGAIN_S, asking, failure_of
from app.platform.settings import ChatSettings

_NO_KEY = SecretStr("replaced at each call")


class ChatClaude(ChatAnthropic):
    """Claude with our clients, deadlines and errors. What it took goes on the open bill (`app.platform.spending`)."""

    connect: Callable[[], Any]
    refused: Callable[[], None]
    call_deadline_s: int

    @cached_property
    def _client(self) -> Any:
        """LangChain's way to a client, which asks ours at every call: a replaced key is taken up."""
        return _Connecting(self.connect)

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        with asking("chat"):
            yield from self._answer(super()._stream(messages, stop, run_manager, **kwargs))

    def _answer(self, chunks: Iterator[ChatGenerationChunk]) -> Iterator[ChatGenerationChunk]:
        """The same chunks, in time and on the bill. Raises our errors for theirs."""
        until, read, written = monotonic() + self.call_deadline_s, 0, 0
        try:
            for chunk in chunks:
                if isinstance(chunk.message, AIMessageChunk) and (usage := chunk.message.usage_metadata):
                    read, written = read + usage["input_tokens"], written + usage["output_tokens"]
                yield chunk
                # An answer that trickles in outlasts every timeout between two bytes.
                if monotonic() > until:
                    raise Unavailable("Claude did not answer in time.")
        except APIError as exc:
            raise self._failure(exc) from exc
        finally:
            if read or written:
                spending.paid(self.model, input_tokens=read, output_tokens=written)

    def _failure(self, exc: APIError) -> AppError:
        if isinstance(exc, APIConnectionError):
            return Unavailable("Claude did not answer.")
        if not isinstance(exc, APIStatusError):
            # In the middle of a stream, where there is no status any more.
            return Unavailable("Claude broke off.")
        logger.warning("provider refused", provider="claude", status=exc.status_code, error_type=exc.type)
        if exc.status_code == 401:
            self.refused()
        if exc.type == "billing_error":
            return Unavailable("Claude refuses our account.", retry_after=ASK_AGAIN_S)
        return failure_of(exc.status_code, provider="Claude", retry_after=exc.response.headers.get("retry-after"))


class _Connecting:
    """Stands where LangChain keeps its client."""

    def __init__(self, connect: Callable[[], Any]) -> None:
        self._connect = connect

    @property
    def messages(self) -> Any:
        return self._connect().messages

    @property
    def beta(self) -> Any:
        return self._connect().beta


def anthropic_api(secret: Secret, model: str, settings: ChatSettings) -> ChatClaude:
    """Anthropic's own API, with a key."""
    shared = Anthropic(
        api_key=_NO_KEY.get_secret_value(),
        base_url=settings.anthropic_base_url,
        max_retries=0,
        timeout=settings.chat_call_deadline_s,
    )
    return _chat(model, settings, lambda: shared.with_options(api_key=secret.value()), secret.refused)


def bedrock(model: str, settings: ChatSettings) -> ChatClaude:
    """Amazon Bedrock, with the function's own role."""
    shared = AnthropicBedrock(
        base_url=settings.bedrock_base_url or None, max_retries=0, timeout=settings.chat_call_deadline_s
    )
    return _chat(model, settings, lambda: shared, lambda: None)


def _chat(model: str, settings: ChatSettings, connect: Callable[[], Any], refused: Callable[[], None]) -> ChatClaude:
    return ChatClaude(
        model=model,
        api_key=_NO_KEY,
        max_tokens_to_sample=settings.chat_output_tokens,
        timeout=settings.chat_call_deadline_s,
        stop=None,
        streaming=True,
        connect=connect,
        refused=refused,
        call_deadline_s=settings.chat_call_deadline_s,
    )
