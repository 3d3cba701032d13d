"""The emulator's process: MiniStack on loopback, its state saved every few seconds.

On its own MiniStack saves its state when it is asked to stop; a laptop that runs out of battery does not ask.
"""

import asyncio
import signal
import sys
import threading
import time

from hypercorn.asyncio import serve
from hypercorn.config import Config
from ministack import app as ministack
from ministack.core.persistence import save_all

_SAVE_EVERY_S = 20


def main(port: int) -> None:
    config = Config()
    config.bind = [f"127.0.0.1:{port}"]
    config.keep_alive_timeout = 75
    config.loglevel = "WARNING"
    threading.Thread(target=_save_for_ever, daemon=True, name="save-state").start()
    asyncio.run(_serve(config))


async def _serve(config: Config) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await serve(ministack.app, config, shutdown_trigger=stop.wait)


def _save_for_ever() -> None:
    while True:
        time.sleep(_SAVE_EVERY_S)
        save_all(ministack._build_persistence_save_dict())


if __name__ == "__main__":
    main(int(sys.argv[1]))
