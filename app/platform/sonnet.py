"""Which Claude is asked where no model is named: for pictures and in conversations alike."""

import re
from typing import get_args


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
