"""LangSmith over its REST API: finished spans in one POST, and a prompt by its name in one GET.

The vendor's SDK would add 41 MB and a third of a second of imports, and sends from a thread that a Lambda freezes;
urllib3 is in every bundle already. Fields: LangSmith, "Trace with API", "Run data format", "Metadata parameters".
"""

import json
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import urllib3

from app.platform.errors import Unavailable
from app.platform.logs import logger
from app.platform.tracing import Fact, RunType, Span

# Nobody's answer is kept waiting for longer by a trace.
_TIMEOUT = urllib3.Timeout(connect=1.0, read=2.0)
# And nobody waits for an evaluation.
_UNHURRIED = urllib3.Timeout(connect=5.0, read=30.0)
_open: ContextVar["_Run | None"] = ContextVar("open_run", default=None)


class LangSmith:
    """A `Tracer`, and where prompts are kept. Safe to share between threads."""

    def __init__(self, key: str, *, base_url: str, project: str) -> None:
        self._headers = {"x-api-key": key, "content-type": "application/json"}
        self._base_url = base_url.rstrip("/")
        self._project = project
        self._pool = urllib3.PoolManager(retries=False)

    @contextmanager
    def span(self, name: str, run_type: RunType, facts: Mapping[str, Fact]) -> Iterator[Span]:
        parent = _open.get()
        run = _Run(name, run_type, facts, parent)
        token = _open.set(run)
        try:
            yield run
        except BaseException as exc:
            run.error = type(exc).__name__
            raise
        finally:
            _open.reset(token)
            run.ended_at = datetime.now(UTC)
            if parent is None:
                self._send(run)

    def pull_prompt(self, name: str) -> tuple[dict[str, Any], str]:
        """The manifest of a prompt of this workspace (`name` or `name:tag`), and its commit.

        Raises:
            Unavailable: there is no such prompt, or no answer that can be read.
        """
        repository, _, commit = name.partition(":")
        try:
            answer = self._pool.request(
                "GET",
                f"{self._base_url}/commits/-/{repository}/{commit or 'latest'}",
                headers=self._headers,
                timeout=_TIMEOUT,
                redirect=False,
            )
            body = answer.json() if answer.status == 200 else None
        except (urllib3.exceptions.HTTPError, ValueError) as exc:
            raise Unavailable("LangSmith did not answer.") from exc
        if not isinstance(body, dict) or not isinstance(body.get("manifest"), dict):
            raise Unavailable(f"LangSmith has no such prompt ({answer.status}).")
        return body["manifest"], str(body.get("commit_hash", ""))

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Any other call, for evaluations: what it answers, as JSON.

        Raises:
            Unavailable: it did not take it, or its answer cannot be read.
        """
        try:
            answer = self._pool.request(
                method,
                f"{self._base_url}{path}",
                body=None if body is None else json.dumps(body).encode(),
                headers=self._headers,
                timeout=_UNHURRIED,
                redirect=False,
            )
            if answer.status >= 300:
                raise Unavailable(f"LangSmith does not take it ({answer.status}).")
            return answer.json()
        except (urllib3.exceptions.HTTPError, ValueError) as exc:
            raise Unavailable("LangSmith did not answer.") from exc

    def _send(self, root: "_Run") -> None:
        body = json.dumps({"post": [run.as_posted(self._project) for run in root.family], "patch": []}).encode()
        try:
            answer = self._pool.request(
                "POST",
                f"{self._base_url}/runs/batch",
                body=body,
                headers=self._headers,
                timeout=_TIMEOUT,
                redirect=False,
            )
        except urllib3.exceptions.HTTPError as exc:
            logger.warning("trace lost", reason=type(exc).__name__)
            return
        if answer.status >= 300:
            logger.warning("trace lost", status=answer.status)


class _Run:
    """A span as LangSmith knows it. The root's id is the trace's."""

    def __init__(self, name: str, run_type: RunType, facts: Mapping[str, Fact], parent: "_Run | None") -> None:
        self.id = _uuid7()
        self.started_at = datetime.now(UTC)
        self.ended_at: datetime | None = None
        self.error: str | None = None
        self.root: _Run = parent.root if parent else self
        # The root's: itself and all below it, in the order they began.
        self.family: list[_Run] = [self]
        self._order = f"{self.started_at:%Y%m%dT%H%M%S%fZ}{self.id}"
        if parent:
            self._order = f"{parent._order}.{self._order}"
            self.root.family.append(self)
        self._parent = parent
        self._name, self._run_type = name, run_type
        self._inputs = dict(facts)
        self._outputs: dict[str, Any] = {}
        self._metadata: dict[str, Fact] = {}

    @property
    def trace_id(self) -> str:
        return str(self.root.id)

    def note(self, **facts: Fact) -> None:
        self._outputs |= facts

    def used(self, *, provider: str, model: str, input_tokens: int, output_tokens: int, cost_usd: float) -> None:
        self._metadata |= {"ls_provider": provider, "ls_model_name": model}
        self._outputs["usage_metadata"] = {
            "input_tokens": input_tokens,
            "output_tokens": output_tokens,
            "total_tokens": input_tokens + output_tokens,
            "total_cost": cost_usd,
        }

    def as_posted(self, project: str) -> dict[str, Any]:
        ended_at = self.ended_at or datetime.now(UTC)
        return {
            "id": str(self.id),
            "trace_id": self.trace_id,
            "parent_run_id": str(self._parent.id) if self._parent else None,
            "dotted_order": self._order,
            "session_name": project,
            "name": self._name,
            "run_type": self._run_type,
            "start_time": self.started_at.isoformat(),
            "end_time": ended_at.isoformat(),
            "inputs": self._inputs,
            "outputs": self._outputs,
            "error": self.error,
            "extra": {"metadata": self._metadata},
        }


def _uuid7() -> UUID:
    """RFC 9562: milliseconds, then chance. The vendor asks for ids that sort by time; Python has them from 3.14 on."""
    value = int(time.time() * 1000) << 80 | secrets.randbits(80)
    value = value & ~(0xF << 76) | 7 << 76
    return UUID(int=value & ~(0b11 << 62) | 0b10 << 62)
