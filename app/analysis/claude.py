"""Vision analysis by Claude, directly or on Amazon Bedrock, through Anthropic's SDK.

The SDK takes three quarters of a second to import, so it is imported when the first client is made, not before.
Answers are structured outputs (`output_config.format`): Claude Sonnet 5.5 takes no forced tool use any more. Nothing
is retried here but an unusable answer, once: whether and when to try again is the queue's business.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from pydantic import ValidationError

from app.analysis import prompt
from app.analysis.models import (
    CATEGORIES,
    HEADLINE_MAX_LENGTH,
    AnalysisDocument,
    ImageFacts,
    ProviderAnswer,
    Usage,
)
from app.analysis.pictures import Picture, pictures_of
from app.platform import prices
from app.platform.errors import PermanentFailure, Unavailable
from app.platform.logs import logger
from app.platform.parameters import Secret
from app.platform.providers import ASK_AGAIN_S, Deadline, failure_of

if TYPE_CHECKING:
    from anthropic import Anthropic, AnthropicBedrock, APIStatusError
    from anthropic.types import Message

    Client = Anthropic | AnthropicBedrock

PROVIDER = "Claude"
Effort = Literal["", "low", "medium", "high"]
# Thinking counts too. A document of 80 lines of text takes some 2,500; who asks for more is not describing any more.
_MAX_TOKENS = 8000
# With less time than this left, asking again would only be cut off, and paid for.
_LEAST_SECONDS = 5.0
# Errors that come as a 400, and are the account's and not the request's.
_ACCOUNT_ERRORS = {"organization_on_hold"}


class _Unusable(Exception):
    """An answer that is no document. The message says why, to the model."""


@dataclass(frozen=True, slots=True)
class _Provider:
    """A way to Claude. `connect` gives a client that is ready to be used; `refused` is told that its key was not."""

    name: str
    connect: Callable[[], Client]
    refused: Callable[[], None]


def anthropic_api(secret: Secret, *, base_url: str) -> _Provider:
    """Anthropic's own API, with a key."""
    from anthropic import Anthropic

    shared = Anthropic(api_key="replaced at each call", base_url=base_url, max_retries=0, open_telemetry=False)
    return _Provider("claude", lambda: shared.with_options(api_key=secret.value()), secret.refused)


def bedrock(*, base_url: str | None) -> _Provider:
    """Amazon Bedrock, with the function's own role; region and credentials are the AWS SDK's."""
    from anthropic import AnthropicBedrock

    shared = AnthropicBedrock(base_url=base_url, max_retries=0, open_telemetry=False)
    return _Provider("bedrock", lambda: shared, lambda: None)


def newest_sonnet() -> str:
    """The newest Sonnet-class model that the installed SDK names; dated snapshots are not considered."""
    from anthropic.types import Model

    names = [name for part in get_args(Model) for name in get_args(part)]
    versions = {
        tuple(int(number) for number in match[1].split("-")): name
        for name in names
        if (match := re.fullmatch(r"claude-sonnet-(\d{1,2}(?:-\d{1,2})?)", name))
    }
    return str(versions[max(versions)])


def newest_sonnet_on_bedrock() -> str:
    """The inference profile that serves it from wherever there is room, at the same price as Anthropic's own API."""
    return f"global.anthropic.{newest_sonnet()}"


class ClaudeAnalyzer:
    """An `app.analysis.models.Analyzer`. Safe to share between threads."""

    def __init__(self, provider: _Provider, *, model: str, deadline_s: float = 60, effort: Effort = "low") -> None:
        """`deadline_s` is on the wall's clock, for everything that one `analyze` does.

        `effort` is how much Claude thinks first: reading a picture needs little. Models that know no effort take "".
        """
        self._provider = provider
        self._model = model
        self._deadline_s = deadline_s
        self._effort = effort

    def analyze(self, image: bytes, *, facts: ImageFacts) -> ProviderAnswer:
        """Describe `image`. An answer that is no document is asked for once more, with what was wrong.

        Raises:
            Unavailable: no answer in time, or none now; also where the account or the key is refused.
            PermanentFailure: `unreadable_image`, `refused`, `invalid_answer`, `provider_rejected`,
                `provider_not_configured`.
        """
        deadline = Deadline(self._deadline_s)
        pictures = pictures_of(image)
        usage = Usage()
        mistake: str | None = None
        for _ in range(2):
            message = self._ask(pictures, prompt.instruction(facts, mistake=mistake), deadline)
            usage = self._add(usage, message)
            if message.stop_reason == "refusal":
                raise PermanentFailure("refused", "The provider declined to describe this image.")
            try:
                document = _document(message)
            except _Unusable as exc:
                mistake = str(exc)
                continue
            return ProviderAnswer(document, self._provider.name, self._model, prompt.VERSION, usage)
        raise PermanentFailure("invalid_answer", "The provider's answer could not be used, twice.")

    def _ask(self, pictures: Sequence[Picture], instruction: str, deadline: Deadline) -> Message:
        """One call. Raises Unavailable and PermanentFailure."""
        from anthropic import APIConnectionError, APIResponseValidationError, APIStatusError

        if deadline.remaining() < min(_LEAST_SECONDS, self._deadline_s / 2):
            raise Unavailable(f"{PROVIDER} did not answer in time.")
        client = self._provider.connect()
        request = self._request(pictures, instruction)
        try:
            answer = deadline.run(
                lambda: client.messages.create(**request, timeout=deadline.timeout()), provider=PROVIDER
            )
        except APIStatusError as exc:
            raise self._failure(exc) from exc
        except (APIConnectionError, APIResponseValidationError, json.JSONDecodeError) as exc:
            raise Unavailable(f"{PROVIDER} did not answer.") from exc
        return _message(answer)

    def _request(self, pictures: Sequence[Picture], instruction: str) -> dict[str, Any]:
        output: dict[str, Any] = {"format": {"type": "json_schema", "schema": prompt.schema()}}
        if self._effort:
            output["effort"] = self._effort
        # Images first, then what to do with them: so the vendor's guide to vision.
        content = [*map(_block, pictures), {"type": "text", "text": instruction}]
        return {
            "model": self._model,
            "max_tokens": _MAX_TOKENS,
            "system": prompt.SYSTEM,
            "messages": [{"role": "user", "content": content}],
            "output_config": output,
        }

    def _add(self, usage: Usage, message: Message) -> Usage:
        """Both calls of one analysis together. Logged at once: what fails afterwards was paid for all the same."""
        read, written = message.usage.input_tokens, message.usage.output_tokens
        cost = prices.cost_usd(self._model, input_tokens=read, output_tokens=written)
        logger.info(
            "analysis paid",
            provider=self._provider.name,
            model=self._model,
            input_tokens=read,
            output_tokens=written,
            cost_usd=str(cost),
            stop_reason=message.stop_reason,
        )
        return Usage(
            input_tokens=usage.input_tokens + read,
            output_tokens=usage.output_tokens + written,
            cost_usd=usage.cost_usd + cost,
        )

    def _failure(self, exc: APIStatusError) -> PermanentFailure | Unavailable:
        logger.warning(
            "provider refused",
            provider=self._provider.name,
            status=exc.status_code,
            error_type=exc.type,
            provider_request_id=exc.request_id,
        )
        if exc.status_code == 401:
            self._provider.refused()
        if exc.type == "billing_error" or exc.error_code in _ACCOUNT_ERRORS:
            return Unavailable(f"{PROVIDER} refuses our account ({exc.status_code}).", retry_after=ASK_AGAIN_S)
        return failure_of(exc.status_code, provider=PROVIDER, retry_after=exc.response.headers.get("retry-after"))


def _message(answer: object) -> Message:
    """The answer, if it is a message at all: the SDK hands on what it could not parse. Raises Unavailable."""
    from anthropic.types import Message, Usage

    if isinstance(answer, Message) and isinstance(answer.content, list) and isinstance(answer.usage, Usage):
        return answer
    raise Unavailable(f"{PROVIDER} answered something unreadable.")


def _block(picture: Picture) -> dict[str, Any]:
    data = base64.standard_b64encode(picture.data).decode()
    return {"type": "image", "source": {"type": "base64", "media_type": picture.media_type, "data": data}}


def _document(message: Message) -> AnalysisDocument:
    """The document in an answer. Raises _Unusable."""
    if message.stop_reason == "max_tokens":
        raise _Unusable("It was too long and was cut off. List fewer lines of text.")
    text = "".join(block.text for block in message.content if block.type == "text")
    try:
        document = AnalysisDocument.model_validate(_shortened(json.loads(text)))
    except ValidationError as exc:
        problems = (f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in exc.errors(include_url=False))
        raise _Unusable("; ".join(list(problems)[:5]) + ".") from exc
    except ValueError as exc:
        raise _Unusable("It was not a JSON object.") from exc
    if document.category not in CATEGORIES:
        raise _Unusable(f"category: must be one of {', '.join(CATEGORIES)}.")
    return document


def _shortened(answer: Any) -> Any:
    """A headline that is too long is cut at a word, not paid for again: schemas cannot bound a length."""
    headline = answer.get("headline") if isinstance(answer, dict) else None
    if isinstance(headline, str) and len(headline) > HEADLINE_MAX_LENGTH:
        cut = headline[: HEADLINE_MAX_LENGTH - 1]
        answer["headline"] = f"{cut.rpartition(' ')[0] or cut}…"
    return answer
