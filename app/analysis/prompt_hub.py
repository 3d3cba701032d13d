"""How to describe, under a name in LangSmith, so that they can be tried without a deployment."""

from typing import Any

from app.analysis import prompt
from app.analysis.prompt import Prompt
from app.platform.errors import Unavailable
from app.platform.langsmith import LangSmith
from app.platform.logs import logger

_MOST_CHARACTERS = 20_000


def pulled(name: str, hub: LangSmith) -> Prompt:
    """The system message of that prompt, or the local one where it cannot be had. Guard and schema stay as they are."""
    try:
        manifest, commit = hub.pull_prompt(name)
        return Prompt(_system_message(manifest), f"{prompt.VERSION}+{name}@{commit[:8]}")
    except (Unavailable, ValueError, TypeError, AttributeError) as exc:  # the last two: a manifest of another shape
        logger.warning("prompt not pulled", prompt=name, reason=str(exc))
        return prompt.LOCAL


def _system_message(manifest: dict[str, Any]) -> str:
    """Of a serialized chat prompt, or of a plain one. Raises ValueError for what has no plain text."""
    template = manifest
    for message in manifest.get("kwargs", {}).get("messages", []):
        if _kind(message) in ("SystemMessagePromptTemplate", "SystemMessage"):
            template = message.get("kwargs", {}).get("prompt", message)
            break
    kwargs = template.get("kwargs", {})
    text = kwargs.get("template", kwargs.get("content"))
    if not isinstance(text, str) or not text.strip() or len(text) > _MOST_CHARACTERS:
        raise ValueError("it has no system message that could be used")
    if kwargs.get("input_variables"):
        raise ValueError("it asks for variables, and there are none")
    return text.replace("{{", "{").replace("}}", "}") if kwargs.get("template_format") == "f-string" else text


def _kind(message: Any) -> str:
    name = message.get("id", [""]) if isinstance(message, dict) else [""]
    return str(name[-1]) if name else ""
