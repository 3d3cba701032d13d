"""The chat model that needs no network and no key: it plans its tool calls by rules, and answers in quotations.

It is a LangChain chat model like any other, so the agent around it is the same. What it says of the collection stands
in what the tools returned, and nothing in a picture is ever an instruction to it: it knows none but its rules.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    HumanMessage,
    ToolCall,
    ToolCallChunk,
    ToolMessage,
)
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool

from app.chat import answers
from app.chat.answers import Found, Said
from app.chat.german import in_english
from app.chat.questions import Intent, Kind, beside_category, understand
from app.platform.settings import LOCAL_CHAT_MODEL

MODEL_NAME = LOCAL_CHAT_MODEL
# What a list is made from; and how many earlier items are read again for a follow-up.
_LIST_TOP_K, _ITEMS_READ_AGAIN = answers.LOOKED_AT, 6
# Things added up by name, each by a search of its own.
_PARTS = 6
# Whatever is asked next may be about these, also where it does not say so.
_ITEMS_SPOKEN_OF = 2
# Under this key the next turn finds what this answer was about.
_KEPT = "understood"

Call = tuple[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class _Exchange:
    """The turn so far: what was asked, what the answer before was about and which items it was chosen from, and what
    tools have returned by now."""

    intent: Intent
    about: tuple[str, ...]
    among: tuple[str, ...]
    # Whether that answer was a choice.
    chose: bool
    returned: tuple[tuple[str, Mapping[str, Any]], ...]
    offered: tuple[str, ...]

    @property
    def items(self) -> list[Found]:
        """Every item returned, once, in order: as it was found, which says how near it is, before as it was read."""
        found: dict[str, Found] = {}
        for each in self.returned:
            for item in each[1].get("items", []) if each is not self.checked else ():
                found.setdefault(item["item_id"], Found.read(item))
        return list(found.values())

    @property
    def checked(self) -> tuple[str, Mapping[str, Any]] | None:
        """The second search, where the first one found something: it only tells which of that is meant."""
        searches = [each for each in self.returned if each[0] == "search_collection"]
        is_check = self.intent.kind is Kind.FIND and len(searches) > 1 and searches[0][1].get("items")
        return searches[-1] if is_check else None

    @property
    def unnamed(self) -> tuple[str, ...]:
        return answers.unnamed(self.intent, self.items, before=self.about)

    @property
    def meant(self) -> frozenset[UUID]:
        """Items that a search for what they do not say has found."""
        found = map(Found.read, self.checked[1].get("items", []) if self.checked else [])
        return frozenset(item.item_id for item in found if answers.is_found_by_meaning(item, self.unnamed))


class LocalChatModel(BaseChatModel):
    """Deterministic: the same conversation over the same collection gets the same answer."""

    @property
    def _llm_type(self) -> str:
        return MODEL_NAME

    def bind_tools(
        self, tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool], **_: Any
    ) -> Runnable[LanguageModelInput, AIMessage]:
        names = [tool.name for tool in tools if isinstance(tool, BaseTool)]
        return self.bind(offered=names)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        *,
        offered: Sequence[str] = (),
        **_: Any,
    ) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=_next(messages, offered))])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        *,
        offered: Sequence[str] = (),
        **_: Any,
    ) -> Iterator[ChatGenerationChunk]:
        message = _next(messages, offered)
        for chunk in _chunks(message):
            if run_manager and chunk.text:
                run_manager.on_llm_new_token(chunk.text, chunk=ChatGenerationChunk(message=chunk))
            yield ChatGenerationChunk(message=chunk)


def _chunks(message: AIMessage) -> Iterator[AIMessageChunk]:
    """Word by word; tool calls whole."""
    for word in re.findall(r"\S+\s*|\s+", message.text):
        yield AIMessageChunk(content=word)
    calls = [
        ToolCallChunk(name=call["name"], args=json.dumps(call["args"]), id=call["id"], index=index)
        for index, call in enumerate(message.tool_calls)
    ]
    yield AIMessageChunk(content="", tool_call_chunks=calls, additional_kwargs=message.additional_kwargs)


def _next(messages: Sequence[BaseMessage], offered: Sequence[str]) -> AIMessage:
    """More tool calls, or the answer."""
    exchange = _exchange(messages, offered)
    calls = _plan(exchange)
    if calls:
        return AIMessage(
            "", tool_calls=[ToolCall(name=name, args=args, id=f"call-{uuid4().hex}") for name, args in calls]
        )
    said = _answer(exchange)
    kept = {
        **exchange.intent.as_dict(),
        "about": [str(item_id) for item_id in said.about],
        "among": _among(exchange, said),
    }
    return AIMessage(said.text, additional_kwargs={_KEPT: kept})


def _among(exchange: _Exchange, said: Said) -> list[str]:
    """What the next question may choose from. "The other one" goes on among the same."""
    goes_on = exchange.intent.refers and (exchange.intent.choice == "other" or not said.among)
    return [*exchange.among] if goes_on else [*map(str, said.among)]


def _exchange(messages: Sequence[BaseMessage], offered: Sequence[str]) -> _Exchange:
    last = max(position for position, message in enumerate(messages) if isinstance(message, HumanMessage))
    kept = next(
        (each.additional_kwargs[_KEPT] for each in reversed(messages[:last]) if _KEPT in each.additional_kwargs), None
    )
    returned = tuple(
        (str(message.name), message.artifact if isinstance(message.artifact, dict) else {})
        for message in messages[last:]
        if isinstance(message, ToolMessage)
    )
    return _Exchange(
        intent=understand(in_english(messages[last].text), Intent.from_dict(kept) if kept else None),
        about=tuple(kept["about"]) if kept else (),
        # Conversations that began before this was kept go on.
        among=tuple(kept.get("among", ())) if kept else (),
        chose=kept is not None and kept["kind"] == Kind.CHOOSE.value,
        returned=returned,
        offered=tuple(offered),
    )


def _plan(exchange: _Exchange) -> list[Call]:
    """What to call next; nothing, when it is time to answer."""
    if not exchange.returned:
        return _first_calls(exchange)
    return _second_calls(exchange)


def _first_calls(exchange: _Exchange) -> list[Call]:
    intent = exchange.intent
    match intent.kind:
        case Kind.TALK:
            return []
        case Kind.WEB if "search_web" in exchange.offered:
            return [("search_web", {"query": " ".join(intent.topic) or intent.text})]
        case Kind.COUNT if not beside_category(intent) and not intent.period:
            return [("collection_overview", {"category": intent.category})]
        case Kind.OVERVIEW:
            return [("collection_overview", {})]
        case Kind.SIMILAR if exchange.about:
            return [("similar_items", {"item_id": exchange.about[0]})]
        case Kind.SUM if intent.parts:
            return [("search_collection", {"query": part}) for part in intent.parts[:_PARTS]]
    if intent.refers and exchange.about:
        return [("get_item", {"item_id": item_id}) for item_id in _meant(exchange)[:_ITEMS_READ_AGAIN]]
    again = exchange.about[:_ITEMS_SPOKEN_OF] if intent.kind is Kind.FIND and intent.topic else ()
    return [("search_collection", _search(intent)), *(("get_item", {"item_id": item_id}) for item_id in again)]


def _meant(exchange: _Exchange) -> tuple[str, ...]:
    """The items that a follow-up points at: those of the answer before, or what that was chosen from."""
    choice, about, among = exchange.intent.choice, exchange.about, exchange.among
    if choice == "other":
        others = tuple(each for each in among if each not in about)
        return others[:1] or about[1:2]
    return among if exchange.chose and choice and among else about


def _search(intent: Intent) -> dict[str, Any]:
    """Lists of a category are its newest items; everything else is looked for by its words."""
    if intent.kind is Kind.FIND or intent.refers:
        return {"query": intent.query}
    arguments: dict[str, Any] = {"query": " ".join(beside_category(intent)), "top_k": _LIST_TOP_K}
    return arguments | ({"category": intent.category} if intent.category else {})


def _second_calls(exchange: _Exchange) -> list[Call]:
    """What brought nothing is looked for once more, in other words: without the category, which is a guess, or by the
    topic alone. What brought something that does not say which is meant ("to Tokyo") is held against a search for
    that."""
    intent = exchange.intent
    searched = [artifact for name, artifact in exchange.returned if name == "search_collection"]
    if len(searched) != 1:
        return []
    if searched[0].get("items"):
        which = exchange.unnamed if intent.kind is Kind.FIND else ()
        return [("search_collection", {"query": " ".join(which)})] if which else []
    topic = " ".join(intent.topic)
    if intent.kind is Kind.FIND:
        return [("search_collection", {"query": topic})] if topic and topic != intent.text else []
    return [("search_collection", {"query": topic, "top_k": _LIST_TOP_K})] if intent.category and topic else []


def _answer(exchange: _Exchange) -> Said:
    intent, items = exchange.intent, exchange.items
    by_tool = dict(exchange.returned)
    if intent.kind is Kind.TALK:
        return answers.talk("search_web" in exchange.offered)
    if "search_web" in by_tool:
        return answers.web(by_tool["search_web"].get("pages"))
    if "collection_overview" in by_tool:
        counted = by_tool["collection_overview"]
        return answers.overview(counted) if intent.kind is Kind.OVERVIEW else answers.count(intent, counted)
    if "similar_items" in by_tool:
        return answers.similar(items)
    match intent.kind:
        case Kind.SUM if intent.parts:
            returned = [artifact.get("items", []) for _, artifact in exchange.returned]
            return answers.add_up_parts(intent.parts, [[*map(Found.read, each)] for each in returned])
        case Kind.SUM:
            return answers.add_up(items)
        case Kind.CHOOSE:
            return answers.choose(intent, items)
        case Kind.LIST | Kind.COUNT:
            return answers.listing(intent, items)
        case _:
            return answers.find(intent, items, before=exchange.about, meant=exchange.meant)
