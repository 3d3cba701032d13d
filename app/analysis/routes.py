"""Analyses over HTTP."""

from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from app.analysis import service
from app.items import service as items
from app.items.routes import present
from app.items.schemas import AnalysisOut, ItemOut
from app.platform import wiring
from app.platform.errors import InvalidInput
from app.platform.http import PROBLEMS, CurrentCaller

router = APIRouter(tags=["analyses"], responses=PROBLEMS)


class AnalyzeIn(BaseModel):
    """How to analyze. `provider` may only name the one that is configured."""

    model_config = ConfigDict(extra="forbid")

    force_reanalyze: bool = False
    provider: str | None = Field(default=None, max_length=64)


class AnalysesOut(BaseModel):
    items: list[AnalysisOut]


@router.post(
    "/items/{item_id}/analyze", status_code=202, operation_id="analyzeItem", responses={200: {"model": ItemOut}}
)
def analyze_item(caller: CurrentCaller, item_id: UUID, response: Response, body: AnalyzeIn | None = None) -> ItemOut:
    """Analyze an item (again). Forced: a new version, old ones are kept. Not forced and analyzed already: 200."""
    wanted = body or AnalyzeIn()
    configured = wiring.analysis_settings().analysis_provider
    if wanted.provider not in (None, configured):
        raise InvalidInput(f"The analysis provider here is {configured!r}.")
    item, is_under_way = items.reanalyze(
        caller.user_id,
        item_id,
        force=wanted.force_reanalyze,
        is_analyzed=bool(wiring.analyses().latest(caller.user_id, [item_id])),
        items=wiring.items(),
        events=wiring.events(),
    )
    response.status_code = 202 if is_under_way else 200
    return present(caller.user_id, [item])[0]


@router.get("/items/{item_id}/analyses", operation_id="listAnalyses")
def list_analyses(caller: CurrentCaller, item_id: UUID) -> AnalysesOut:
    """All versions of an item's analysis, newest first."""
    item = items.get(caller.user_id, item_id, items=wiring.items())
    versions = wiring.analyses().versions(caller.user_id, item.item_id)
    return AnalysesOut(items=[AnalysisOut.of(analysis) for analysis in versions])


@router.get("/analyses/{analysis_id}", operation_id="getAnalysis")
def get_analysis(caller: CurrentCaller, analysis_id: UUID) -> AnalysisOut:
    """One version of an analysis."""
    return AnalysisOut.of(service.get_analysis(caller.user_id, analysis_id, analyses=wiring.analyses()))
