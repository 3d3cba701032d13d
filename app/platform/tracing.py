"""Spans of what was asked of whom, for LangSmith where there is a key for it (`app.platform.langsmith`); else nothing.

A span carries ids, sizes, models, tokens and costs. What was said and shown stays here: no image, prompt, query, answer
or name of a file goes out.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Literal, Protocol

Fact = str | int | float | bool | None
RunType = Literal["chain", "llm", "retriever", "tool"]


class Span(Protocol):
    """One thing that is going on. `trace_id` is that of the outermost; None where nothing is traced."""

    @property
    def trace_id(self) -> str | None: ...

    def note(self, **facts: Fact) -> None:
        """What came out of it."""
        ...

    def used(self, *, provider: str, model: str, input_tokens: int, output_tokens: int, cost_usd: float) -> None:
        """Whom it was asked of, and what that took."""
        ...


class Tracer(Protocol):
    def span(self, name: str, run_type: RunType, facts: Mapping[str, Fact]) -> AbstractContextManager[Span]:
        """A span within the one that is open, if any. The outermost sends all when it ends: a Lambda may freeze then.

        What is raised inside is noted by its type, and goes on. Failing to send is logged and hurts nobody.
        """
        ...


class _NoSpan:
    trace_id = None

    def note(self, **facts: Fact) -> None:
        pass

    def used(self, *, provider: str, model: str, input_tokens: int, output_tokens: int, cost_usd: float) -> None:
        pass


class NoTracing:
    """A `Tracer` for whoever has no key."""

    @contextmanager
    def span(self, name: str, run_type: RunType, facts: Mapping[str, Fact]) -> Iterator[Span]:
        yield _NoSpan()


NO_TRACING = NoTracing()
