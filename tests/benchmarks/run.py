"""`make bench`: measure everything, or the sections named, and write docs/benchmarks.md."""

import sys

from tests.benchmarks import api, api_load, chat, images, imports, local_cloud, search, throughput, web

SECTIONS = {
    "imports": imports.measure,
    "images": images.measure,
    "search": search.measure,
    "lists": api.measure,
    "api_load": api_load.measure,
    "chat": chat.measure,
    "local_cloud": local_cloud.measure,
    "throughput": throughput.measure,
    "web": web.measure,
}


def main(chosen: list[str]) -> None:
    unknown = set(chosen) - set(SECTIONS)
    if unknown:
        raise SystemExit(f"There is no section {', '.join(unknown)}. Use: {', '.join(SECTIONS)}.")
    for name in chosen or SECTIONS:
        print(f"Measuring {name} …", flush=True)
        SECTIONS[name]()
    print("Written to docs/benchmarks.md")


if __name__ == "__main__":
    main([name for argument in sys.argv[1:] for name in argument.split(",")])
