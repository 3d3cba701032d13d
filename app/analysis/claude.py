"""Claude, directly or on Amazon Bedrock, through Anthropic's SDK.

The SDK takes three quarters of a second to import, so it is imported when the first client is made, not before.
Answers are structured outputs (`output_config.format`): Claude Sonnet 5.5 takes no forced tool use any more.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from app.analysis.pictures import Picture
from app.analysis.vision import MAX_TOKENS, Effort, Ending, Question, Reply
from app.platform.errors import PermanentFailure, Unavailable
from app.platform.logs import logger
from app.platform.parameters import Secret
from app.platform.providers import ASK_AGAIN_S, Deadline, failure_of
from app.platform.sonnet import newest_sonnet as newest_sonnet
from app.platform.sonnet import newest_sonnet_on_bedrock as newest_sonnet_on_bedrock

if TYPE_CHECKING:
    from anthropic import Anthropic, AnthropicBedrock, APIStatusError
    from anthropic.types import Message

    Client = Anthropic | AnthropicBedrock

# Errors that come as a 400, and are the account's and not the request's.
_ACCOUNT_ERRORS = {"organization_on_hold"}


def anthropic_api(secret: Secret, *, base_url: str, effort: Effort = "low") -> Claude:
    """Anthropic's own API, with a key."""
    from anthropic import Anthropic

    shared = Anthropic(api_key="replaced at each call", base_url=base_url, max_retries=0, open_telemetry=False)
    return Claude("claude", lambda: shared.with_options(api_key=secret.value()), secret.refused, effort)


def bedrock(*, base_url: str | None, effort: Effort = "low") -> Claude:
    """Amazon Bedrock, with the function's own role; region and credentials are the AWS SDK's."""
    from anthropic import AnthropicBedrock

    shared = AnthropicBedrock(base_url=base_url, max_retries=0, open_telemetry=False)
    return Claude("bedrock", lambda: shared, lambda: None, effort)


class Claude:
    """An `app.analysis.vision.Vendor`. Safe to share between threads."""

    title = "Claude"

    def __init__(
        self, name: str, connect: Callable[[], Client], refused: Callable[[], None], effort: Effort = "low"
    ) -> None:
        """`connect` gives a client that is ready to be used; `refused` is told that its key was not."""
        self.name = name
        self._connect = connect
        self._refused = refused
        self._effort = effort

    def ask(self, question: Question, *, model: str, deadline: Deadline) -> Reply:
        from anthropic import APIConnectionError, APIResponseValidationError, APIStatusError

        client = self._connect()
        request = self._request(question, model)
        try:
            answer = deadline.run(
                lambda: client.messages.create(**request, timeout=deadline.timeout()), provider=self.title
            )
        except APIStatusError as exc:
            raise self._failure(exc) from exc
        except (APIConnectionError, APIResponseValidationError, json.JSONDecodeError) as exc:
            raise Unavailable(f"{self.title} did not answer.") from exc
        return _reply(self._message(answer))

    def _request(self, question: Question, model: str) -> dict[str, Any]:
        output: dict[str, Any] = {"format": {"type": "json_schema", "schema": question.schema}}
        if self._effort:
            output["effort"] = self._effort
        # Images first, then what to do with them: so the vendor's guide to vision.
        content = [*map(_block, question.pictures), {"type": "text", "text": question.instruction}]
        return {
            "model": model,
            "max_tokens": MAX_TOKENS,
            "system": question.system,
            "messages": [{"role": "user", "content": content}],
            "output_config": output,
        }

    def _failure(self, exc: APIStatusError) -> PermanentFailure | Unavailable:
        logger.warning(
            "provider refused",
            provider=self.name,
            status=exc.status_code,
            error_type=exc.type,
            provider_request_id=exc.request_id,
        )
        if exc.status_code == 401:
            self._refused()
        if exc.type == "billing_error" or exc.error_code in _ACCOUNT_ERRORS:
            return Unavailable(f"{self.title} refuses our account ({exc.status_code}).", retry_after=ASK_AGAIN_S)
        return failure_of(exc.status_code, provider=self.title, retry_after=exc.response.headers.get("retry-after"))

    def _message(self, answer: object) -> Message:
        """The answer, if it is a message at all: the SDK hands on what it could not parse. Raises Unavailable."""
        from anthropic.types import Message, Usage

        if isinstance(answer, Message) and isinstance(answer.content, list) and isinstance(answer.usage, Usage):
            return answer
        raise Unavailable(f"{self.title} answered something unreadable.")


def _block(picture: Picture) -> dict[str, Any]:
    data = base64.standard_b64encode(picture.data).decode()
    return {"type": "image", "source": {"type": "base64", "media_type": picture.media_type, "data": data}}


def _reply(message: Message) -> Reply:
    endings: dict[str, Ending] = {"refusal": "refused", "max_tokens": "cut off"}
    return Reply(
        text="".join(block.text for block in message.content if block.type == "text"),
        ending=endings.get(message.stop_reason or "", "complete"),
        input_tokens=message.usage.input_tokens,
        output_tokens=message.usage.output_tokens,
    )
