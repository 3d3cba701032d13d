"""How good conversations are: every judged dialogue over the samples, on a database of its own; reports go to reports/.

With the local model by default, or with any other that the settings can name; its key comes from the environment
(ANTHROPIC_API_KEY). With LANGSMITH_API_KEY set, dialogues and scores go to LangSmith as a data set and an experiment.
"""

import logging
import os
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import typer
from langchain_core.language_models import BaseChatModel
from langgraph.checkpoint.memory import InMemorySaver
from rich.markup import escape

from app.analysis.local import LocalAnalyzer
from app.analysis.store import AnalysisStore
from app.chat.agent import LangGraphAssistant
from app.chat.collection import Collection
from app.evaluation import datasets, dialogue_report, dialogues, experiments, talking
from app.evaluation.dialogues import Dialogues
from app.items.store import ItemStore
from app.platform.database import Database
from app.platform.errors import Unavailable
from app.platform.langsmith import LangSmith
from app.platform.parameters import Secret
from app.platform.settings import ChatSettings, SearchSettings, TracingSettings
from app.search.local import LocalEmbedder
from app.search.models import Embedder
from app.search.query_vectors import QueryVectors
from app.search.store import SearchStore
from scripts.bundle import build_info
from scripts.console import bar, fail, say
from scripts.evaluate_retrieval import OWN_STATE, REPORTS, open_database
from scripts.local.paths import ROOT

_QUESTIONS_REMEMBERED = 500


class KeyOfEnvironment(Secret):
    """A key as the shell has it, for whoever runs this by hand."""

    def __init__(self, name: str) -> None:
        self._variable = name

    def value(self) -> str:
        if key := os.environ.get(self._variable):
            return key
        raise Unavailable(f"{self._variable} is not set.")

    def refused(self) -> None:
        """It stays what it is."""


def run(
    label: Annotated[str, typer.Option(help="What this run is called; its report goes to reports/LABEL.")] = "chat",
    provider: Annotated[str, typer.Option(help="local, claude or bedrock")] = "local",
    model: Annotated[str, typer.Option(help="Empty: the provider's newest.")] = "",
) -> None:
    """Hold every dialogue, and say how well it went."""
    logging.getLogger("collections").setLevel(logging.WARNING)
    os.environ["POWERTOOLS_METRICS_DISABLED"] = "true"  # their lines are for CloudWatch
    chat_model, name = _model(provider, model)
    held, embedder, database = judged(), LocalEmbedder(), open_database()
    try:
        talking.load(held, database=database, embedder=embedder)
        with bar("Dialogues", len(held.dialogues)) as advance:
            talk = _talk(held, chat_model, name, database, embedder)
            scored = dialogues.hold(held, talk, told=lambda _: advance(1))
    finally:
        database.close()
    found = _run(label, name, dialogues.summarise(scored))
    page = dialogue_report.write(found, REPORTS / label)
    say(escape(page.read_text(encoding="utf-8")))
    say(f"[green]✓[/] {page.relative_to(ROOT)}")
    if key := os.environ.get("LANGSMITH_API_KEY"):
        settings = TracingSettings()
        hub = LangSmith(key, base_url=settings.langsmith_base_url, project=settings.langsmith_project)
        experiments.publish(held, scored, name=f"{label} {found['created_at']}", model=name, hub=hub)
        say("[green]✓[/] LangSmith has the data set and this run")


def judged() -> Dialogues:
    analyzer = LocalAnalyzer(datasets.RememberedText(OWN_STATE / "text"))
    samples = datasets.samples(ROOT / "samples", analyzer=lambda: analyzer, remembered=OWN_STATE / "analyses")
    return dialogues.read(ROOT / "samples", samples)


def _settings(provider: Literal["local", "claude", "bedrock"], model: str) -> ChatSettings:
    return ChatSettings(checkpoints_table="none", sessions_table="none", chat_provider=provider, chat_model=model)


def _model(provider: str, model: str) -> tuple[BaseChatModel, str]:
    if provider == "local":
        from app.chat.local import MODEL_NAME, LocalChatModel

        return LocalChatModel(), MODEL_NAME
    from app.chat import claude
    from app.platform.sonnet import newest_sonnet, newest_sonnet_on_bedrock

    if provider == "bedrock":
        name = model or newest_sonnet_on_bedrock()
        return claude.bedrock(name, _settings("bedrock", name)), name
    if provider != "claude":
        fail("A provider is local, claude or bedrock.")
    name = model or newest_sonnet()
    return claude.anthropic_api(KeyOfEnvironment("ANTHROPIC_API_KEY"), name, _settings("claude", name)), name


def _talk(held: Dialogues, model: BaseChatModel, name: str, database: Database, embedder: Embedder) -> talking.Talking:
    search, remembering = SearchSettings(), QueryVectors(_QUESTIONS_REMEMBERED).over(embedder)
    assistant = LangGraphAssistant(
        model, model_name=name, checkpoints=InMemorySaver(), settings=_settings("local", name)
    )

    def collection(user_id: UUID) -> Collection:
        stores = ItemStore(database), AnalysisStore(database), SearchStore(database, search)
        return Collection(user_id, *stores, lambda: remembering, search)

    return talking.Talking(held, assistant, collection)


def _run(label: str, model: str, measured: dict[str, Any]) -> dict[str, Any]:
    return {
        "label": label,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "git_sha": build_info()["git_sha"],
        "model": model,
        "measured": measured,
    }


if __name__ == "__main__":
    typer.run(run)
