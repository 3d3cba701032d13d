"""Decoding in a process of its own, under limits: no image crashes the worker, hangs it or takes its memory.

A warm process holds the codecs and forks one child for each image. The fork costs milliseconds where a new interpreter
costs a sixth of a second; the child starts with nothing of another user's picture in its memory, has processor seconds
and address space that the kernel counts, may write no file, and knows no secret. Bytes go through pipes alone: Lambda
has no /dev/shm for multiprocessing's queues and pools.
"""

import atexit
import json
import os
import resource
import signal
import struct
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import datetime
from functools import cache
from types import SimpleNamespace
from typing import IO, TYPE_CHECKING, Any, cast

from app.items.models import Renditions
from app.platform.errors import PermanentFailure, Unavailable

if TYPE_CHECKING:
    # The warm process comes here too, and starts twice as fast without pydantic.
    from app.platform.settings import ImageSettings

_LENGTH = struct.Struct(">Q")
_RETRY_AFTER_S = 30


def render(original: bytes, limits: "ImageSettings") -> Renditions:
    """`app.items.images.render`, where it can do no harm.

    Raises:
        PermanentFailure: as there; or it takes too long (`too_slow`) or breaks the decoder (`broken_image`).
        Unavailable: the time on the clock is over, or the process was killed from outside.
    """
    return _shared(limits).render(original)


@cache
def _shared(limits: "ImageSettings") -> "Sandbox":
    return Sandbox(limits)


class Sandbox:
    """The warm process, started on first use and again after it was lost. One image at a time."""

    def __init__(self, limits: "ImageSettings") -> None:
        self._limits = limits
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        atexit.register(self.close)

    def render(self, original: bytes) -> Renditions:
        with self._lock, self._watched() as process:
            assert process.stdin is not None
            assert process.stdout is not None
            _send(process.stdin, original)
            answer = _receive(process.stdout)
        return _read(answer)

    def close(self) -> None:
        """End the warm process and what it forked."""
        process, self._process = self._process, None
        if process is None:
            return
        _kill(process)
        process.wait()
        for pipe in (process.stdin, process.stdout):
            with suppress(OSError):
                pipe.close()  # type: ignore[union-attr]  # both are pipes

    @contextmanager
    def _watched(self) -> Iterator[subprocess.Popen[bytes]]:
        """The warm process, killed when the time is over: whoever waits for a pipe then sees its end."""
        process = self._process = self._process or _start(self._limits)
        watch = threading.Timer(self._limits.image_decode_wall_seconds, _kill, [process])
        watch.start()
        try:
            yield process
        except (OSError, EOFError) as exc:
            self.close()
            raise Unavailable("The image could not be decoded in time.", retry_after=_RETRY_AFTER_S) from exc
        finally:
            watch.cancel()


def _start(limits: "ImageSettings") -> subprocess.Popen[bytes]:
    environment = {
        "PYTHONPATH": os.pathsep.join(path or "." for path in sys.path),
        "LD_LIBRARY_PATH": os.environ.get("LD_LIBRARY_PATH", ""),
        # A second arena reserves 64 MB of the address space; a second thread finds no processor (one vCPU).
        "MALLOC_ARENA_MAX": "1",
        "VIPS_CONCURRENCY": "1",
    }
    return subprocess.Popen(  # noqa: S603  # our own module
        [sys.executable, "-P", "-m", "app.items.sandbox", limits.model_dump_json()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        process_group=0,
    )


def _kill(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _send(pipe: IO[bytes], message: bytes) -> None:
    pipe.write(_LENGTH.pack(len(message)))
    pipe.write(message)
    pipe.flush()


def _receive(pipe: IO[bytes]) -> bytes:
    """Raises EOFError when the other side is gone."""
    length = pipe.read(_LENGTH.size)
    if len(length) < _LENGTH.size:
        raise EOFError
    message = pipe.read(_LENGTH.unpack(length)[0])
    if len(message) < _LENGTH.unpack(length)[0]:
        raise EOFError
    return message


# --- answers: a line of JSON, then both renditions. Never a pickle: a decoder that was taken over may have written it -


def _made(renditions: Renditions) -> bytes:
    facts = asdict(renditions) | {"display": len(renditions.display), "thumbnail": len(renditions.thumbnail)}
    facts["taken_at"] = renditions.taken_at and renditions.taken_at.isoformat()
    return json.dumps({"made": facts}).encode() + b"\n" + renditions.display + renditions.thumbnail


def _refused(code: str, detail: str) -> bytes:
    return json.dumps({"refused": [code, detail]}).encode() + b"\n"


def _read(answer: bytes) -> Renditions:
    head, _, bodies = answer.partition(b"\n")
    said: Mapping[str, Any] = json.loads(head)
    if "refused" in said:
        raise PermanentFailure(*said["refused"])
    if "lost" in said:
        raise Unavailable("The image's decoder was killed.", retry_after=_RETRY_AFTER_S)
    facts = said["made"]
    display, thumbnail = bodies[: facts["display"]], bodies[facts["display"] :]
    taken_at = facts["taken_at"] and datetime.fromisoformat(facts["taken_at"])
    return Renditions(**facts | {"taken_at": taken_at, "display": display, "thumbnail": thumbnail})


# --- the other side: the warm process, and its children ---------------------------------------------------------------


def main() -> None:
    """Answer images from standard input until it ends."""
    limits = cast("ImageSettings", SimpleNamespace(**json.loads(sys.argv[1])))
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints belongs in the log
    from app.items import images  # noqa: F401  # the codecs, loaded once

    datetime.strptime("1", "%d")  # noqa: DTZ007  # loads its parser, which every child would

    with suppress(EOFError, KeyboardInterrupt):
        while True:
            _send(answers, _in_a_child(_receive(sys.stdin.buffer), limits))


def _in_a_child(original: bytes, limits: "ImageSettings") -> bytes:
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        _answer_and_exit(original, limits, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read()
    _, status = os.waitpid(child, 0)
    return answer if status == 0 else _post_mortem(os.waitstatus_to_exitcode(status), limits)


def _answer_and_exit(original: bytes, limits: "ImageSettings", writing: int) -> None:
    status = 1
    try:
        _restrict(limits)
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(_answer(original, limits))
        status = 0
    finally:  # never back into the warm process's loop
        if status:
            traceback.print_exc()
        os._exit(status)


def _restrict(limits: "ImageSettings") -> None:
    seconds, memory = limits.image_decode_cpu_seconds, limits.image_decode_memory_bytes
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(ValueError):  # macOS counts no address space
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


def _answer(original: bytes, limits: "ImageSettings") -> bytes:
    from app.items import images

    try:
        return _made(images.render(original, limits))
    except PermanentFailure as refused:
        return _refused(refused.code, refused.detail)


def _post_mortem(status: int, limits: "ImageSettings") -> bytes:
    """What to say of a child that died: its exit status, or minus the signal that killed it."""
    if status == -signal.SIGXCPU:
        return _refused("too_slow", f"The image takes more than {limits.image_decode_cpu_seconds} seconds to decode.")
    if status == -signal.SIGKILL:
        return b'{"lost": true}\n'  # by the machine, which is short of memory, or by a person: the image may be good
    return _refused("broken_image", "The image breaks the program that decodes it.")


if __name__ == "__main__":
    main()
