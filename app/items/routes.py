"""Items over HTTP."""

from collections.abc import Sequence
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, File, Query, Response, UploadFile
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, ConfigDict, Field

from app.items import cursors, service
from app.items.models import Item, ItemFilter, Status
from app.items.schemas import (
    ItemOut,
    ItemPage,
    PreparedUploadOut,
    PresignedOut,
    UploadsIn,
    UploadsOut,
)
from app.platform import wiring
from app.platform.http import PROBLEMS, CurrentCaller, Moment

router = APIRouter(tags=["items"], responses=PROBLEMS)

Sort = Literal["created_at", "-created_at", "taken_at", "-taken_at", "title"]


class ListQuery(BaseModel):
    """Filters, order and page of a list."""

    model_config = ConfigDict(extra="forbid")

    status: Status | None = None
    category: str | None = Field(default=None, max_length=64, pattern=r"^[^\x00]*$")
    tag: str | None = Field(default=None, max_length=64, pattern=r"^[^\x00]*$")
    favorite: bool | None = None
    occurred_from: Moment | None = Field(default=None, alias="from")
    occurred_to: Moment | None = Field(default=None, alias="to")
    sort: Sort = "-created_at"
    limit: int = Field(default=50, ge=1, le=100)
    cursor: str | None = None

    def narrow(self) -> ItemFilter:
        return ItemFilter(**{name: getattr(self, name) for name in ItemFilter.__slots__})

    def identity(self) -> str:
        """What makes it the same list on every page."""
        return self.model_dump_json(exclude={"limit", "cursor"})


@router.post("/items", status_code=201, operation_id="uploadItem", responses={200: {"model": ItemOut}})
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
    )
    response.status_code = 201 if is_new else 200
    return _present(caller.user_id, [item])[0]


@router.post("/uploads", status_code=201, operation_id="prepareUploads", response_model_exclude_none=False)
def prepare_uploads(caller: CurrentCaller, body: UploadsIn) -> UploadsOut:
    """Get presigned forms for up to 100 files of up to 50 MiB each; POST each file straight to storage with them."""
    declared = [
        service.DeclaredFile(f.filename, f.content_type, f.file_size, bytes.fromhex(f.sha256) if f.sha256 else None)
        for f in body.files
    ]
    prepared = service.prepare_uploads(
        caller.user_id, declared, items=wiring.items(), images=wiring.images(), settings=wiring.storage_settings()
    )
    shown = _present(caller.user_id, [entry.item for entry in prepared])
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
    identity = query.identity()
    after = cursors.decode(query.cursor, query=identity, is_time=query.sort != "title") if query.cursor else None
    page, following, total = service.list_items(
        caller.user_id, narrow=query.narrow(), sort=query.sort, after=after, limit=query.limit, items=wiring.items()
    )
    return ItemPage(
        items=_present(caller.user_id, page),
        next_cursor=cursors.encode(following, query=identity) if following else None,
        total=total,
    )


@router.get("/items/{item_id}", operation_id="getItem")
def get_item(caller: CurrentCaller, item_id: UUID) -> ItemOut:
    """One item with its latest analysis."""
    return _present(caller.user_id, [service.get(caller.user_id, item_id, items=wiring.items())])[0]


@router.delete("/items/{item_id}", status_code=204, operation_id="deleteItem")
def delete_item(caller: CurrentCaller, item_id: UUID) -> None:
    """Remove an item, its analyses, its vectors and every object of it, also while the pipeline is at work on it."""
    service.delete(caller.user_id, item_id, items=wiring.items(), images=wiring.images())


@router.get("/items/{item_id}/image", operation_id="getItemImage", status_code=302, response_class=RedirectResponse)
def get_item_image(
    caller: CurrentCaller, item_id: UUID, variant: Literal["original", "display", "thumbnail"] = "display"
) -> RedirectResponse:
    """Redirect to a presigned link that expires."""
    item = service.get(caller.user_id, item_id, items=wiring.items())
    return RedirectResponse(service.image_link(item, variant, images=wiring.images()), status_code=302)


def _present(user_id: UUID, items: Sequence[Item]) -> list[ItemOut]:
    """Items as JSON, with their latest analyses fetched at once."""
    analyzed = [item.item_id for item in items if item.width is not None]
    analyses = wiring.analyses().latest(user_id, analyzed) if analyzed else {}
    return [ItemOut.of(item, analyses.get(item.item_id), wiring.images()) for item in items]
