"""Whether a deployment works at all: every function starts, and the API answers as it should.

The stack's last step asks (lambdas/smoke), and whoever deploys asks again, from where users are.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import urllib3

from app.platform.build_info import PROBE

# Of a queue with nothing in it: the function reads its settings and makes what it works with.
EMPTY_BATCH: Mapping[str, Any] = {"Records": []}
_AT_ONCE = 4
_AGAIN_AFTER_S = 1.0
_ANSWER_WITHIN_S = 30.0


class SmokeFailed(Exception):
    """The deployment does not work; the message says what does not."""


@dataclass(frozen=True, slots=True)
class Smoke:
    """What was found: what each function says it is (its build info), and what is wrong, in words."""

    versions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    problems: Sequence[str] = ()


def look(
    api_url: str,
    *,
    functions: Sequence[str],
    workers: Sequence[str],
    invoke: Callable[[str, Mapping[str, Any]], Any],
    within_s: float = 60,
) -> Smoke:
    """Ask everything once, and the API until it is ready or `within_s` are over: routes take a moment to be there.

    Args:
        functions: names of all functions; each says which code it is.
        workers: those that take messages from a queue.
        invoke: calls a function with an event and returns its answer; raises SmokeFailed for one that fails.
    """
    versions: dict[str, Mapping[str, Any]] = {}
    problems: list[str] = []

    def ask(name: str) -> None:
        try:
            versions[name] = invoke(name, PROBE)
            if name in workers:
                invoke(name, EMPTY_BATCH)
        except SmokeFailed as exc:
            problems.append(str(exc))

    with ThreadPoolExecutor(_AT_ONCE) as threads:
        list(threads.map(ask, functions))
    # Nothing is worth waiting for behind a function that does not start.
    problems.extend(_ask_the_api(api_url.rstrip("/"), 0 if problems else within_s))
    return Smoke(versions, sorted(problems))


def invoker(client: Any) -> Callable[[str, Mapping[str, Any]], Any]:
    """`invoke` for `look`, by a boto3 Lambda client."""

    def invoke(name: str, event: Mapping[str, Any]) -> Any:
        answer = client.invoke(FunctionName=name, Payload=json.dumps(event).encode())
        said = answer["Payload"].read().decode()
        if "FunctionError" in answer:
            raise SmokeFailed(f"{name} fails: {said[:300]}")
        return json.loads(said)

    return invoke


def _ask_the_api(url: str, within_s: float) -> list[str]:
    http = urllib3.PoolManager(timeout=_ANSWER_WITHIN_S, retries=False)
    wanted = {"/version": 200, "/health/ready": 200, "/items": 401}
    deadline = time.monotonic() + within_s
    while True:
        problems = [problem for path, status in wanted.items() if (problem := _differs(http, f"{url}{path}", status))]
        if not problems or time.monotonic() > deadline:
            return problems
        time.sleep(_AGAIN_AFTER_S)


def _differs(http: urllib3.PoolManager, url: str, status: int) -> str | None:
    try:
        answer = http.request("GET", url)
    except urllib3.exceptions.HTTPError as exc:
        return f"GET {url} is not answered: {exc}"
    if answer.status == status:
        return None
    return f"GET {url} answers {answer.status} instead of {status}: {answer.data.decode(errors='replace')[:300]}"
