"""Items over HTTP."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import File, Header, Query, Request, Response, UploadFile
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, ConfigDict, Field

from app.analysis.models import Analysis
from app.items import cursors, service
from app.items.models import Item, ItemFilter, Status
from app.items.schemas import (
    BatchIn,
    BatchOut,
    ItemEdit,
    ItemOut,
    ItemPage,
    PreparedUploadOut,
    PresignedOut,
    UploadsIn,
    UploadsOut,
    UrlsOut,
)
from app.platform import wiring
from app.platform.errors import Conflict, NotFound
from app.platform.etags import etag, is_known, wanted_versions
from app.platform.http import CurrentCaller, Moment, ThreadedRouter, problems
from app.search.edits import reindex
from app.usage import service as usage
from app.usage.models import Kind

router = ThreadedRouter(tags=["items"])

IfMatch = Annotated[
    str | None,
    Header(description="Change it only if it still is one of these versions (the `ETag` of an answer)."),
]
# Read by hand: FastAPI takes twice as long for a header as for an id in the path.
IF_NONE_MATCH = {
    "name": "if-none-match",
    "in": "header",
    "required": False,
    "schema": {"anyOf": [{"type": "string"}, {"type": "null"}], "title": "If-None-Match"},
    "description": "The versions you have. If it is one of them, the answer is 304, without content.",
}
NOT_MODIFIED: dict[int | str, dict[str, Any]] = {304: {"description": "You have this version."}}

Sort = Literal["created_at", "-created_at", "taken_at", "-taken_at", "title"]


class FilterQuery(BaseModel):
    """What a list is narrowed to."""

    model_config = ConfigDict(extra="forbid")

    status: Status | None = None
    category: str | None = Field(default=None, max_length=64, pattern=r"^[^\x00]*$")
    tag: str | None = Field(default=None, max_length=64, pattern=r"^[^\x00]*$")
    favorite: bool | None = None
    occurred_from: Moment | None = Field(default=None, alias="from")
    occurred_to: Moment | None = Field(default=None, alias="to")

    def narrow(self) -> ItemFilter:
        return ItemFilter(**{name: getattr(self, name) for name in ItemFilter.__slots__})


class ListQuery(FilterQuery):
    """Filters, order and page of a list."""

    sort: Sort = "-created_at"
    limit: int = Field(default=50, ge=1, le=100)
    cursor: str | None = None

    def identity(self, user_id: UUID) -> str:
        """What makes it the same list on every page: whose it is, the filters, the order."""
        return f"{user_id} {self.model_dump_json(exclude={'limit', 'cursor'})}"


@router.post(
    "/items",
    status_code=201,
    operation_id="uploadItem",
    responses={200: {"model": ItemOut, "description": "You have this image already."}, **problems(415)},
)
def upload_item(caller: CurrentCaller, response: Response, file: Annotated[UploadFile, File()]) -> ItemOut:
    """Upload one image of up to 4 MiB. The same bytes again answer 200 with the item they already are."""
    settings = wiring.storage_settings()
    item, is_new = service.upload(
        caller.user_id,
        filename=file.filename or "",
        content_type=file.content_type or "",
        body=file.file.read(settings.multipart_max_bytes + 1),
        items=wiring.items(),
        images=wiring.images(),
        settings=settings,
        within_quota=_within_quota(caller.user_id),
    )
    response.status_code = 201 if is_new else 200
    return present_one(caller.user_id, item, response)


@router.post("/uploads", status_code=201, operation_id="prepareUploads", responses=problems(415))
def prepare_uploads(caller: CurrentCaller, body: UploadsIn) -> UploadsOut:
    """Get presigned forms for up to 100 files of up to 50 MiB each; POST each file straight to storage with them."""
    declared = [
        service.DeclaredFile(f.filename, f.content_type, f.file_size, bytes.fromhex(f.sha256) if f.sha256 else None)
        for f in body.files
    ]
    prepared = service.prepare_uploads(
        caller.user_id,
        declared,
        items=wiring.items(),
        images=wiring.images(),
        settings=wiring.storage_settings(),
        within_quota=_within_quota(caller.user_id),
    )
    shown = present(caller.user_id, [entry.item for entry in prepared])
    return UploadsOut(
        uploads=[
            PreparedUploadOut(item=item, duplicate=True)
            if entry.form is None
            else PreparedUploadOut(
                item=item,
                upload=PresignedOut(url=entry.form.url, fields=entry.form.fields, expires_at=entry.form.expires_at),
            )
            for entry, item in zip(prepared, shown, strict=True)
        ]
    )


@router.get("/items", operation_id="listItems")
def list_items(caller: CurrentCaller, query: Annotated[ListQuery, Query()]) -> ItemPage:
    """The caller's items, newest first unless sorted otherwise."""
    identity = query.identity(caller.user_id)
    after = cursors.decode(query.cursor, query=identity, is_time=query.sort != "title") if query.cursor else None
    with wiring.database().tenant(caller.user_id):
        page, following, total = service.list_items(
            caller.user_id, narrow=query.narrow(), sort=query.sort, after=after, limit=query.limit, items=wiring.items()
        )
        analyses = latest_analyses(caller.user_id, page)
    return ItemPage(
        items=shown(page, analyses),
        next_cursor=cursors.encode(following, query=identity) if following else None,
        total=total,
    )


class FacetOut(BaseModel):
    value: str
    count: int


class FacetsOut(BaseModel):
    """Most frequent first; at most 100 of each."""

    categories: list[FacetOut]
    tags: list[FacetOut]
    statuses: list[FacetOut]


@router.get("/items/facets", operation_id="getFacets")
def get_facets(caller: CurrentCaller, query: Annotated[FilterQuery, Query()]) -> FacetsOut:
    """How many items there are of each category, tag and status, under the filters of the list."""
    found = wiring.items().facets(caller.user_id, query.narrow())

    def of(kind: str) -> list[FacetOut]:
        return [FacetOut(value=facet.value, count=facet.count) for facet in found if facet.kind == kind]

    return FacetsOut(categories=of("category"), tags=of("tag"), statuses=of("status"))


@router.get(
    "/items/{item_id}",
    operation_id="getItem",
    response_model=ItemOut,
    responses=NOT_MODIFIED,
    openapi_extra={"parameters": [IF_NONE_MATCH]},
)
def get_item(caller: CurrentCaller, item_id: UUID, request: Request, response: Response) -> ItemOut | Response:
    """One item with its latest analysis. Links are no part of its version: 304 does not make old ones last longer.

    An upload whose bytes turned out to be an item that was there already is answered by that one: `id` says which.
    """
    with wiring.database().tenant(caller.user_id):
        item = service.resolve(caller.user_id, item_id, items=wiring.items())
        if is_known(item.updated_at, request.headers.get("if-none-match")):
            return Response(status_code=304, headers=_version(item))
        return present_one(caller.user_id, item, response)


@router.delete("/items/{item_id}", status_code=204, operation_id="deleteItem", responses=problems(412))
def delete_item(caller: CurrentCaller, item_id: UUID, if_match: IfMatch = None) -> None:
    """Remove an item, its analyses, its vectors and every object of it, also while the pipeline is at work on it."""
    versions = wanted_versions(if_match)
    service.delete(caller.user_id, item_id, versions=versions, items=wiring.items(), images=wiring.images())


@router.get("/items/{item_id}/image", operation_id="getItemImage", status_code=302, response_class=RedirectResponse)
def get_item_image(
    caller: CurrentCaller, item_id: UUID, variant: Literal["original", "display", "thumbnail"] = "display"
) -> RedirectResponse:
    """Redirect to a presigned link that expires."""
    item = service.resolve(caller.user_id, item_id, items=wiring.items())
    link = getattr(UrlsOut.of(item, wiring.images().signer()), variant)
    if link is None:
        raise NotFound("This rendition does not exist yet.")
    return RedirectResponse(link, status_code=302)


@router.patch("/items/{item_id}", operation_id="editItem", responses=problems(412))
def edit_item(
    caller: CurrentCaller, item_id: UUID, body: ItemEdit, response: Response, if_match: IfMatch = None
) -> ItemOut:
    """Change the user's own fields. They win over the analysis everywhere; search sees the change at once."""
    item = _edit(caller.user_id, item_id, body.changes(), versions=wanted_versions(if_match))
    return present_one(caller.user_id, item, response)


@router.post("/items/batch", operation_id="changeItems")
def change_items(caller: CurrentCaller, body: BatchIn) -> BatchOut:
    """Do one thing to up to 100 items."""
    answer = BatchOut(done=[], not_found=[], not_possible=[])
    if body.action == "reanalyze":
        terms = wiring.terms_now(Kind.ANALYSES)
        usage.admit_paid(caller.user_id, len(set(body.ids)), terms=terms, usage=wiring.usage())
    for item_id in dict.fromkeys(body.ids):
        try:
            _change(caller.user_id, item_id, body)
        except NotFound:
            answer.not_found.append(item_id)
        except Conflict:
            answer.not_possible.append(item_id)
        else:
            answer.done.append(item_id)
    return answer


def _within_quota(user_id: UUID) -> Callable[[int], None]:
    """An image that is taken in is analyzed. Whether that is paid for now is no matter here: it can wait."""
    return lambda count: usage.admit(user_id, count, terms=wiring.terms(Kind.ANALYSES), usage=wiring.usage())


def _change(user_id: UUID, item_id: UUID, wanted: BatchIn) -> None:
    items, events = wiring.items(), wiring.events()
    match wanted.action:
        case "delete":
            service.delete(user_id, item_id, items=items, images=wiring.images())
        case "reanalyze":
            service.reanalyze(user_id, item_id, force=True, is_analyzed=True, items=items, events=events)
        case "favorite" | "unfavorite":
            _edit(user_id, item_id, {"favorite": wanted.action == "favorite"})
        case "tag" | "untag":
            tags = service.get(user_id, item_id, items=items).tags
            add, remove = (wanted.tags, []) if wanted.action == "tag" else ([], wanted.tags)
            _edit(user_id, item_id, {"tags": service.retag(tags, add=add, remove=remove)})


def _edit(user_id: UUID, item_id: UUID, changes: dict[str, Any], *, versions: Sequence[datetime] | None = None) -> Item:
    return service.edit(
        user_id,
        item_id,
        changes,
        versions=versions,
        items=wiring.items(),
        reindex=reindex,
        events=wiring.events(),
    )


@router.post("/items/{item_id}/resize-only", status_code=202, operation_id="resizeItem")
def resize_item(caller: CurrentCaller, item_id: UUID, response: Response) -> ItemOut:
    """Make the renditions anew, through the pipeline. The analysis is kept."""
    item = service.resize(caller.user_id, item_id, items=wiring.items(), events=wiring.events())
    return present_one(caller.user_id, item, response)


def present_one(user_id: UUID, item: Item, response: Response) -> ItemOut:
    """One item as JSON, and its version in the headers."""
    response.headers.update(_version(item))
    return present(user_id, [item])[0]


def _version(item: Item) -> dict[str, str]:
    # A client may keep it, and must ask each time whether it is still that.
    return {"ETag": etag(item.updated_at), "Cache-Control": "private, no-cache"}


def present(user_id: UUID, items: Sequence[Item]) -> list[ItemOut]:
    """Items as JSON, with their latest analyses fetched at once."""
    return shown(items, latest_analyses(user_id, items))


def latest_analyses(user_id: UUID, items: Sequence[Item]) -> dict[UUID, Analysis]:
    analyzed = [item.item_id for item in items if item.width is not None]
    return wiring.analyses().latest(user_id, analyzed) if analyzed else {}


def shown(items: Sequence[Item], analyses: Mapping[UUID, Analysis]) -> list[ItemOut]:
    signer = wiring.images().signer()
    return [ItemOut.of(item, analyses.get(item.item_id), signer) for item in items]
