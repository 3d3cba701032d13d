"""The caller's account over HTTP."""

from datetime import datetime
from uuid import UUID

from fastapi import Response
from pydantic import BaseModel

from app.account import service
from app.jobs import service as jobs
from app.jobs.models import Job, Kind
from app.jobs.routes import JobStarted
from app.platform import wiring
from app.platform.http import CurrentCaller, ThreadedRouter

router = ThreadedRouter(tags=["account"])


class UsageOut(BaseModel):
    """How much of what was used up: items analyzed, items made findable, questions asked."""

    analyses: int
    embeddings: int
    chats: int


class CostsOut(UsageOut):
    # What providers charged for it.
    cost_usd: float


class LimitsOut(BaseModel):
    """What is refused beyond."""

    # Of one image, through the API and straight to storage.
    multipart_max_bytes: int
    upload_max_bytes: int
    # Of all images together.
    items: int
    bytes: int
    items_under_way: int
    analyses_per_day: int
    embeddings_per_day: int
    chats_per_day: int
    exports_per_day: int


class MeOut(BaseModel):
    user_id: UUID
    email: str
    created_at: datetime
    items: int
    # Of the originals.
    bytes: int
    # Days and months are UTC's.
    usage_today: UsageOut
    usage_month: CostsOut
    limits: LimitsOut


@router.get("/me", operation_id="getMe")
def get_me(caller: CurrentCaller) -> MeOut:
    """Who the caller is, what is kept for them, and how much of it they may ask for."""
    profile = service.profile(caller.user_id, directory=wiring.user_directory())
    holdings, used = wiring.account().holdings(caller.user_id), wiring.usage().usage(caller.user_id)
    return MeOut(
        user_id=caller.user_id,
        email=profile.email,
        created_at=profile.created_at,
        items=holdings.items,
        bytes=holdings.bytes,
        usage_today=UsageOut(**{kind: today.count for kind, today in used.today.items()}),
        usage_month=CostsOut(
            **{kind: month.count for kind, month in used.month.items()},
            cost_usd=float(sum(month.spent.cost_usd for month in used.month.values())),
        ),
        limits=_limits(),
    )


def _limits() -> LimitsOut:
    storage, usage = wiring.storage_settings(), wiring.usage_settings()
    return LimitsOut(
        multipart_max_bytes=storage.multipart_max_bytes,
        upload_max_bytes=storage.upload_max_bytes,
        items=storage.user_items_max,
        bytes=storage.user_bytes_max,
        items_under_way=storage.items_under_way_max,
        analyses_per_day=usage.analyses_per_day,
        embeddings_per_day=usage.embeddings_per_day,
        chats_per_day=usage.chats_per_day,
        exports_per_day=wiring.account_settings().exports_per_day,
    )


@router.get("/me/export", status_code=202, operation_id="exportMe")
def export_me(caller: CurrentCaller, response: Response) -> JobStarted:
    """Have everything packed into one ZIP archive; while one is being packed, the same job again.

    `GET /jobs/{job_id}` has the link when it is done. The archive is kept for three days.
    """
    per_day = wiring.account_settings().exports_per_day
    job = jobs.request(caller.user_id, Kind.EXPORT, jobs=wiring.jobs(), events=wiring.events(), per_day=per_day)
    return _started(job, response)


@router.delete("/me", status_code=202, operation_id="deleteMe")
def delete_me(caller: CurrentCaller, response: Response) -> JobStarted:
    """Delete the account and everything of it, everywhere. It cannot be taken back, and nothing can be added any more.

    `GET /jobs/{job_id}` answers until the token expires; done means that every store was counted and found empty.
    """
    return _started(service.delete(caller.user_id, account=wiring.account(), events=wiring.events()), response)


def _started(job: Job, response: Response) -> JobStarted:
    response.headers["Location"] = f"/jobs/{job.job_id}"
    return JobStarted(job_id=job.job_id)
