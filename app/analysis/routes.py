"""Analyses over HTTP."""

from uuid import UUID

from fastapi import Response
from pydantic import BaseModel, ConfigDict, Field

from app.analysis import service
from app.items import service as items
from app.items.routes import present_one
from app.items.schemas import AnalysisOut, ItemOut
from app.platform import wiring
from app.platform.errors import InvalidInput
from app.platform.http import CurrentCaller, ThreadedRouter
from app.platform.settings import AnalysisProvider, AnalysisSettings
from app.usage import service as usage
from app.usage.models import Kind

router = ThreadedRouter(tags=["analyses"])


class AnalyzeIn(BaseModel):
    """How to analyze. `provider` and `model` may name what is configured for it; nobody stands in for who is named."""

    model_config = ConfigDict(extra="forbid")

    force_reanalyze: bool = False
    provider: str | None = Field(default=None, max_length=64)
    model: str | None = Field(default=None, max_length=128)


class AnalysesOut(BaseModel):
    """All of them at once: an item has few."""

    items: list[AnalysisOut]
    next_cursor: None = None
    total: int


@router.post(
    "/items/{item_id}/analyze",
    status_code=202,
    operation_id="analyzeItem",
    responses={200: {"model": ItemOut, "description": "It is analyzed already."}},
)
def analyze_item(caller: CurrentCaller, item_id: UUID, response: Response, body: AnalyzeIn | None = None) -> ItemOut:
    """Analyze an item (again). Forced: a new version, old ones are kept. Not forced and analyzed already: 200."""
    wanted = body or AnalyzeIn()
    provider = _offered(wanted, wiring.analysis_settings())
    item, is_under_way = items.reanalyze(
        caller.user_id,
        item_id,
        force=wanted.force_reanalyze,
        is_analyzed=bool(wiring.analyses().latest(caller.user_id, [item_id])),
        items=wiring.items(),
        events=wiring.events(),
        provider=provider,
        model=wanted.model,
        within_quota=lambda count: usage.admit_paid(
            caller.user_id, count, terms=wiring.terms_now(Kind.ANALYSES), usage=wiring.usage()
        ),
    )
    response.status_code = 202 if is_under_way else 200
    return present_one(caller.user_id, item, response)


def _offered(wanted: AnalyzeIn, settings: AnalysisSettings) -> AnalysisProvider | None:
    """The provider that is named, alone or by its model. Raises InvalidInput."""
    if wanted.provider is None and wanted.model is None:
        return None
    choice = settings.analysis_choice(wanted.provider, wanted.model)
    if choice is None:
        offered = (
            f"{name} ({', '.join(('default', *settings.analysis_models(name)))})" for name in settings.analysis_choices
        )
        raise InvalidInput(f"Analyses are offered by: {'; '.join(offered)}.")
    return choice


@router.get("/items/{item_id}/analyses", operation_id="listAnalyses")
def list_analyses(caller: CurrentCaller, item_id: UUID) -> AnalysesOut:
    """All versions of an item's analysis, newest first."""
    item = items.get(caller.user_id, item_id, items=wiring.items())
    versions = wiring.analyses().versions(caller.user_id, item.item_id)
    return AnalysesOut(items=[AnalysisOut.of(analysis) for analysis in versions], total=len(versions))


@router.get("/analyses/{analysis_id}", operation_id="getAnalysis")
def get_analysis(caller: CurrentCaller, analysis_id: UUID) -> AnalysisOut:
    """One version of an analysis."""
    return AnalysisOut.of(service.get_analysis(caller.user_id, analysis_id, analyses=wiring.analyses()))
