"""The vision provider's stub, told per file how to answer, and keeping the books by file and time."""

import re
import threading
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

from tests.stub_providers import AnthropicStub, Kind, Reply, texts_of

# As app/analysis/prompt.py writes it.
_FILE_NAME = re.compile(r"File name: '([^']*)'")


class Vision(AnthropicStub):
    """Claude. `plans` holds the next replies for the image of a file; afterwards its default again."""

    def __init__(self) -> None:
        super().__init__()
        self.plans: dict[str, list[Reply]] = {}
        # When each file's image was asked about, and how often that was paid for.
        self.asked: list[tuple[str, float]] = []
        self.paid_for: Counter[str] = Counter()
        self._turn = threading.Lock()

    def answer(self, path: str, headers: Mapping[str, str], body: bytes) -> tuple[Reply, bytes]:
        found = _FILE_NAME.search(body.decode("utf-8", "replace"))
        name = found[1] if found else ""
        with self._turn:
            self.asked.append((name, time.time()))
            if plan := self.plans.get(name):
                self._script.appendleft(plan.pop(0))
            return super().answer(path, headers, body)

    def note(self, request: dict[str, Any], reply: Reply) -> None:
        super().note(request, reply)
        if reply.kind not in (Kind.ERROR, Kind.RESET, Kind.NEVER_ANSWERS):
            name = _FILE_NAME.search("\n".join(texts_of(request)))
            self.paid_for[name[1] if name else ""] += 1
