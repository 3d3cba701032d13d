"""What all vision models are asked alike: one question, one deadline, one more chance; and what they answer, read.

A vendor's adapter (`claude`, `openai`) turns a question into its own protocol and back, and its failures into ours.
Nothing is retried here but an unusable answer, once: whether and when to try again is the queue's business.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

from pydantic import ValidationError

from app.analysis import prompt
from app.analysis.models import (
    CATEGORIES,
    HEADLINE_MAX_LENGTH,
    AnalysisDocument,
    ImageFacts,
    Labels,
    ProviderAnswer,
    Usage,
)
from app.analysis.pictures import Picture, pictures_of
from app.platform import spending
from app.platform.errors import PermanentFailure, Unavailable
from app.platform.logs import logger
from app.platform.providers import Deadline

# Thinking counts too. A document of 80 lines of text takes some 2,500; who asks for more is not describing any more.
MAX_TOKENS = 8000
# How much a model thinks before it answers; "" for models that know no effort.
Effort = Literal["", "low", "medium", "high"]
Ending = Literal["complete", "cut off", "refused"]
# With less time than this left, asking again would only be cut off, and paid for.
_LEAST_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Question:
    """What to look at, and what to say about it. `schema` is the answer's JSON Schema."""

    pictures: Sequence[Picture]
    system: str
    instruction: str
    schema: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model said to one call that is paid for."""

    text: str
    ending: Ending
    input_tokens: int
    output_tokens: int


class Vendor(Protocol):
    """A way to somebody's models. `name` is what is stored, `title` what people are told."""

    @property
    def name(self) -> str: ...

    @property
    def title(self) -> str: ...

    def ask(self, question: Question, *, model: str, deadline: Deadline) -> Reply:
        """One call, not repeated.

        Raises:
            Unavailable: no answer in time, or none now; also where the account or the key is refused.
            PermanentFailure: `provider_rejected`, `provider_not_configured`, `refused`.
        """
        ...


def refusal() -> PermanentFailure:
    """A no that is meant for this picture. It is final: nobody else is asked after it (docs/providers.md)."""
    return PermanentFailure("refused", "The provider declined to describe this image.")


class _Unusable(Exception):
    """An answer that is no document. The message says why, to the model."""


class VisionAnalyzer:
    """An `app.analysis.models.Analyzer` over a vendor's model. Safe to share between threads."""

    def __init__(
        self,
        vendor: Vendor,
        *,
        model: str,
        deadline_s: float = 60,
        instructions: Callable[[], prompt.Prompt] = lambda: prompt.LOCAL,
    ) -> None:
        """`deadline_s` is on the wall's clock, for everything that one `analyze` does."""
        self._vendor = vendor
        self._model = model
        self._deadline_s = deadline_s
        self._instructions = instructions

    def analyze(self, image: bytes, *, facts: ImageFacts) -> ProviderAnswer:
        """Describe `image`. An answer that is no document is asked for once more, with what was wrong.

        Raises:
            Unavailable: no answer in time, or none now; also where the account or the key is refused.
            PermanentFailure: `unreadable_image`, `refused`, `invalid_answer`, `provider_rejected`,
                `provider_not_configured`.
        """
        deadline = Deadline(self._deadline_s)
        instructions = self._instructions()
        question = Question(
            pictures=pictures_of(image),
            system=instructions.system,
            instruction=prompt.instruction(facts),
            schema=prompt.schema(facts.labels),
        )
        usage = Usage()
        for _ in range(2):
            reply = self._ask(question, deadline)
            usage = self._add(usage, reply)
            if reply.ending == "refused":
                raise refusal()
            try:
                document = document_in(reply, facts.labels)
            except _Unusable as exc:
                question = replace(question, instruction=prompt.instruction(facts, mistake=str(exc)))
                continue
            return ProviderAnswer(document, self._vendor.name, self._model, instructions.version, usage)
        raise PermanentFailure("invalid_answer", "The provider's answer could not be used, twice.")

    def _ask(self, question: Question, deadline: Deadline) -> Reply:
        if deadline.remaining() < min(_LEAST_SECONDS, self._deadline_s / 2):
            raise Unavailable(f"{self._vendor.title} did not answer in time.")
        return self._vendor.ask(question, model=self._model, deadline=deadline)

    def _add(self, usage: Usage, reply: Reply) -> Usage:
        """Both calls of one analysis together. Logged at once: what fails afterwards was paid for all the same."""
        cost = spending.paid(self._model, input_tokens=reply.input_tokens, output_tokens=reply.output_tokens)
        logger.info(
            "analysis paid",
            provider=self._vendor.name,
            model=self._model,
            input_tokens=reply.input_tokens,
            output_tokens=reply.output_tokens,
            cost_usd=str(cost),
            ending=reply.ending,
        )
        return Usage(
            input_tokens=usage.input_tokens + reply.input_tokens,
            output_tokens=usage.output_tokens + reply.output_tokens,
            cost_usd=usage.cost_usd + cost,
        )


def document_in(reply: Reply, labels: Labels) -> AnalysisDocument:
    """The document in an answer. Raises _Unusable."""
    if reply.ending == "cut off":
        raise _Unusable("It was too long and was cut off. List fewer lines of text.")
    try:
        document = AnalysisDocument.model_validate(_shortened(json.loads(reply.text)))
    except ValidationError as exc:
        problems = (f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in exc.errors(include_url=False))
        raise _Unusable("; ".join(list(problems)[:5]) + ".") from exc
    except ValueError as exc:
        raise _Unusable("It was not a JSON object.") from exc
    vocabulary = (*CATEGORIES, *labels.categories)
    if document.category not in vocabulary:
        raise _Unusable(f"category: must be one of {json.dumps(vocabulary, ensure_ascii=False)}.")
    return document


def _shortened(answer: Any) -> Any:
    """A headline that is too long is cut at a word, not paid for again: schemas cannot bound a length."""
    headline = answer.get("headline") if isinstance(answer, dict) else None
    if isinstance(headline, str) and len(headline) > HEADLINE_MAX_LENGTH:
        cut = headline[: HEADLINE_MAX_LENGTH - 1]
        answer["headline"] = f"{cut.rpartition(' ')[0] or cut}…"
    return answer
