"""OpenAI's models, through its SDK and the Responses API, which is the one that its structured outputs are made for.

The SDK takes a third of a second to import, so it is imported when the client is made, not before. Nothing is kept at
the vendor (`store` is off). `detail: high` looks at up to 2048 × 2048 pixels and 2,500 patches of 32 × 32 (OpenAI,
"Images and vision", model sizing): our pictures, of at most 1568 pixels and 49 × 49 patches, are taken as they are.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, get_args

from app.analysis.pictures import Picture
from app.analysis.vision import MAX_TOKENS, Effort, Question, Reply, refusal
from app.platform.errors import PermanentFailure, Unavailable
from app.platform.logs import logger
from app.platform.parameters import Secret
from app.platform.providers import ASK_AGAIN_S, Deadline, failure_of

if TYPE_CHECKING:
    from openai import APIStatusError
    from openai.types.responses import Response

# What comes as a 429 and is an empty account: waiting does not fill it.
_ACCOUNT_ERRORS = {"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"}
# Codes, of a status or within an answer, that say no to the picture and not to the form of the request.
_REFUSALS = {
    "image_content_policy_violation",
    "content_policy_violation",
    "bio_policy",
    "misalignment_policy_violation",
}
_PASSING = {"server_error", "rate_limit_exceeded"}


def newest_terra() -> str:
    """The newest Terra-class model (the middle of three) that the installed SDK names."""
    from openai.types import ChatModel

    versions = {
        tuple(int(number) for number in match[1].split(".")): name
        for name in get_args(ChatModel)
        if (match := re.fullmatch(r"gpt-(\d+(?:\.\d+)?)-terra", name))
    }
    return str(versions[max(versions)])


class OpenAI:
    """An `app.analysis.vision.Vendor`. Safe to share between threads."""

    name = "openai"
    title = "OpenAI"

    def __init__(self, secret: Secret, *, base_url: str, effort: Effort = "low") -> None:
        import openai

        self._secret = secret
        self._shared = openai.OpenAI(
            api_key="replaced at each call", base_url=f"{base_url.rstrip('/')}/v1", max_retries=0
        )
        self._effort = effort

    def ask(self, question: Question, *, model: str, deadline: Deadline) -> Reply:
        from openai import APIConnectionError, APIResponseValidationError, APIStatusError

        client = self._shared.with_options(api_key=self._secret.value())
        request = self._request(question, model)
        try:
            answer = deadline.run(
                lambda: client.responses.create(**request, timeout=deadline.timeout()), provider=self.title
            )
        except APIStatusError as exc:
            raise self._failure(exc) from exc
        except (APIConnectionError, APIResponseValidationError, json.JSONDecodeError) as exc:
            raise Unavailable(f"{self.title} did not answer.") from exc
        return self._reply(self._response(answer))

    def _request(self, question: Question, model: str) -> dict[str, Any]:
        content = [*map(_image, question.pictures), {"type": "input_text", "text": question.instruction}]
        form = {"type": "json_schema", "name": "analysis", "strict": True, "schema": question.schema}
        request: dict[str, Any] = {
            "model": model,
            "instructions": question.system,
            "input": [{"role": "user", "content": content}],
            "text": {"format": form},
            "max_output_tokens": MAX_TOKENS,
            "store": False,
        }
        if self._effort:
            request["reasoning"] = {"effort": self._effort}
        return request

    def _failure(self, exc: APIStatusError) -> PermanentFailure | Unavailable:
        logger.warning(
            "provider refused",
            provider=self.name,
            status=exc.status_code,
            error_type=exc.code or exc.type,
            provider_request_id=exc.request_id,
        )
        if exc.status_code == 401:
            self._secret.refused()
        if exc.code in _REFUSALS:
            return refusal()
        if exc.code in _ACCOUNT_ERRORS:
            return Unavailable(f"{self.title} refuses our account ({exc.status_code}).", retry_after=ASK_AGAIN_S)
        return failure_of(exc.status_code, provider=self.title, retry_after=exc.response.headers.get("retry-after"))

    def _response(self, answer: object) -> Response:
        """The answer, if it is a response at all: the SDK hands on what it could not parse. Raises Unavailable."""
        from openai.types.responses import Response, ResponseUsage

        if isinstance(answer, Response) and isinstance(answer.output, list) and isinstance(answer.usage, ResponseUsage):
            return answer
        raise Unavailable(f"{self.title} answered something unreadable.")

    def _reply(self, response: Response) -> Reply:
        """Raises Unavailable and PermanentFailure for an answer that only says why there is none."""
        assert response.usage is not None
        parts = [part for item in response.output if item.type == "message" for part in item.content]
        texts = [part.text for part in parts if part.type == "output_text"]
        reply = Reply("".join(texts), "complete", response.usage.input_tokens, response.usage.output_tokens)
        if response.status == "failed":
            raise self._failed(response)
        if any(part.type == "refusal" for part in parts) or _stopped_by(response) == "content_filter":
            return replace(reply, ending="refused")
        return reply if response.status == "completed" else replace(reply, ending="cut off")

    def _failed(self, response: Response) -> PermanentFailure | Unavailable:
        code = response.error.code if response.error else "server_error"
        logger.warning("provider refused", provider=self.name, error_type=code, provider_response_id=response.id)
        if code in _REFUSALS:
            return refusal()
        if code in _PASSING:
            return Unavailable(f"{self.title} cannot answer now.")
        return PermanentFailure("provider_rejected", f"{self.title} does not accept this request.")


def _stopped_by(response: Response) -> str | None:
    return response.incomplete_details.reason if response.incomplete_details else None


def _image(picture: Picture) -> dict[str, Any]:
    data = base64.standard_b64encode(picture.data).decode()
    return {"type": "input_image", "detail": "high", "image_url": f"data:{picture.media_type};base64,{data}"}
