"""`GET /jobs/{id}`: how far a job is, and what came of it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from app.items.s3 import ImageBucket
from app.jobs import service
from app.jobs.models import Job, JobStatus, Kind
from app.platform import wiring
from app.platform.http import CurrentCaller, ThreadedRouter

router = ThreadedRouter(tags=["jobs"])


class JobStarted(BaseModel):
    """Ask `GET /jobs/{job_id}` how it goes."""

    job_id: UUID


class JobErrorOut(BaseModel):
    code: str
    message: str


class JobOut(BaseModel):
    id: UUID
    kind: Kind
    status: JobStatus
    # 0 to 1.
    progress: float
    # By kind. Of an export: `url`, good until `url_expires_at` and made anew at every request, `items`, `bytes`, …
    result: dict[str, Any] | None
    error: JobErrorOut | None
    created_at: datetime
    updated_at: datetime
    # When the job is forgotten and what it made is removed; not known before it has ended.
    expires_at: datetime | None

    @classmethod
    def of(cls, job: Job, images: ImageBucket) -> "JobOut":
        return cls(
            id=job.job_id,
            kind=job.kind,
            status=job.status,
            progress=job.progress,
            result=_shown(job, images),
            error=JobErrorOut(code=job.error_code, message=job.error_message or "") if job.error_code else None,
            created_at=job.created_at,
            updated_at=job.updated_at,
            expires_at=job.expires_at,
        )


@router.get("/jobs/{job_id}", operation_id="getJob")
def get_job(caller: CurrentCaller, job_id: UUID) -> JobOut:
    """How far one of the caller's jobs is, and its result once it is done."""
    return JobOut.of(service.get(caller.user_id, job_id, jobs=wiring.jobs()), wiring.images())


def _shown(job: Job, images: ImageBucket) -> dict[str, Any] | None:
    """The result, an object in it as a link."""
    if job.result is None or "object_key" not in job.result:
        return job.result
    shown = {name: value for name, value in job.result.items() if name != "object_key"}
    signer = images.signer()
    link = signer.link(job.result["object_key"], download_as=f"collections-{job.created_at:%Y-%m-%d}.zip")
    return {"url": link, "url_expires_at": signer.expires_at} | shown
