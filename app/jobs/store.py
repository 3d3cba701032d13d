"""The rows of `jobs`: asked for, claimed, advanced behind the fence, ended."""

from uuid import UUID, uuid4

from psycopg.types.json import Jsonb

from app.jobs.models import Done, Job, JobClaim, Kind, Step
from app.platform.database import Connection, Database
from app.platform.errors import QuotaExceeded, Unavailable

COLUMNS = """
  user_id, job_id, kind, status, progress, state, result, error_code, error_message,
  lease_until, attempts, created_at, updated_at, expires_at
"""
# How long a failed job can be asked about.
FAILED_KEPT_DAYS = 3


class JobLost(Exception):
    """Somebody else took the job over, or it is gone: whatever was being written is rolled back."""


class JobStore:
    """Every method is one transaction, bound to one tenant."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def start(self, user_id: UUID, kind: Kind, *, per_day: int | None = None) -> tuple[Job, bool]:
        """Add a job, or find the one of this kind that has not ended. Returns it, and whether it is new.

        Raises:
            QuotaExceeded: `per_day` jobs of this kind were started within a day.
            NotAuthenticated: the account is deleted.
        """
        with self._database.tenant(user_id) as connection:
            if active := find_active(connection, user_id, kind):
                return active, False
            if per_day is not None:
                _check_quota(connection, user_id, kind, per_day)
            if added := insert(connection, user_id, kind):
                return added, True
            if active := find_active(connection, user_id, kind):
                return active, False
        raise Unavailable("Such a job was started and ended this very moment. Try again.", retry_after=1)

    def get(self, user_id: UUID, job_id: UUID) -> Job | None:
        with self._database.tenant(user_id) as connection:
            row = connection.execute(SELECT_ONE, [user_id, job_id]).fetchone()
        return Job.from_row(row) if row else None

    def latest(self, user_id: UUID, kind: Kind) -> Job | None:
        """The job of this kind that was asked for last."""
        with self._database.tenant(user_id) as connection:
            row = connection.execute(SELECT_LATEST, [user_id, kind]).fetchone()
        return Job.from_row(row) if row else None

    def claim(self, user_id: UUID, job_id: UUID, *, lease_seconds: int) -> JobClaim | None:
        """Take the job, in one UPDATE. None: it is gone, has ended, or somebody else holds it."""
        with self._database.tenant(user_id) as connection:
            row = connection.execute(CLAIM, [lease_seconds, user_id, job_id]).fetchone()
        return JobClaim(Job.from_row(row), row["lease_token"]) if row else None

    def save(self, claim: JobClaim, step: Step, *, lease_seconds: int) -> JobClaim:
        """Keep what a step came to, and renew the lease.

        Raises:
            JobLost: the lease is not ours any more; nothing was written.
        """
        job = claim.job
        with self._database.tenant(job.user_id) as connection:
            row = connection.execute(
                SAVE, [Jsonb(step.state), step.progress, lease_seconds, job.user_id, job.job_id, claim.token]
            ).fetchone()
            if row is None:
                raise JobLost(str(job.job_id))
            step.write(connection)
        return JobClaim(Job.from_row(row), claim.token)

    def finish(self, claim: JobClaim, done: Done) -> None:
        """Raises JobLost."""
        job = claim.job
        with self._database.tenant(job.user_id) as connection:
            if not connection.execute(
                FINISH, [Jsonb(done.result), done.kept_for, job.user_id, job.job_id, claim.token]
            ).rowcount:
                raise JobLost(str(job.job_id))
            done.write(connection)

    def fail(self, claim: JobClaim, *, code: str, message: str) -> None:
        """Give the job up for good, if it is still ours."""
        job = claim.job
        with self._database.tenant(job.user_id) as connection:
            connection.execute(FAIL, [code, message, FAILED_KEPT_DAYS, job.user_id, job.job_id, claim.token])

    def release(self, claim: JobClaim) -> None:
        """Let go, so that whoever goes on need not wait for the lease to end."""
        job = claim.job
        with self._database.tenant(job.user_id) as connection:
            connection.execute(RELEASE, [job.user_id, job.job_id, claim.token])


def insert(connection: Connection, user_id: UUID, kind: Kind) -> Job | None:
    """Add a job. None: one of this kind has not ended."""
    row = connection.execute(INSERT, [user_id, uuid4(), kind]).fetchone()
    return Job.from_row(row) if row else None


def find_active(connection: Connection, user_id: UUID, kind: Kind) -> Job | None:
    row = connection.execute(SELECT_ACTIVE, [user_id, kind]).fetchone()
    return Job.from_row(row) if row else None


def _check_quota(connection: Connection, user_id: UUID, kind: Kind, per_day: int) -> None:
    row = connection.execute(COUNT_STARTED, [user_id, kind]).fetchone()
    if row and row["started"] >= per_day:
        raise QuotaExceeded(f"At most {per_day} of these a day.", retry_after=int(row["next_in_s"]) + 1)


INSERT = f"""
INSERT INTO jobs (user_id, job_id, kind) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING RETURNING {COLUMNS}
"""

SELECT_ONE = f"""
SELECT {COLUMNS} FROM jobs WHERE user_id = %s AND job_id = %s AND (expires_at IS NULL OR expires_at > now())
"""

SELECT_ACTIVE = f"SELECT {COLUMNS} FROM jobs WHERE user_id = %s AND kind = %s AND status IN ('queued', 'running')"

SELECT_LATEST = f"""
SELECT {COLUMNS} FROM jobs WHERE user_id = %s AND kind = %s ORDER BY created_at DESC, job_id LIMIT 1
"""

COUNT_STARTED = """
SELECT count(*) AS started, extract(epoch FROM min(created_at) + interval '1 day' - now()) AS next_in_s
FROM jobs WHERE user_id = %s AND kind = %s AND created_at > now() - interval '1 day'
"""

CLAIM = f"""
UPDATE jobs SET status = 'running', lease_token = gen_random_uuid(), lease_until = now() + make_interval(secs => %s),
  attempts = attempts + 1, updated_at = now()
WHERE user_id = %s AND job_id = %s AND status IN ('queued', 'running') AND (lease_until IS NULL OR lease_until < now())
RETURNING lease_token, {COLUMNS}
"""

SAVE = f"""
UPDATE jobs SET state = %s, progress = greatest(progress, least(%s, 1.0)), attempts = 0,
  lease_until = now() + make_interval(secs => %s), updated_at = now()
WHERE user_id = %s AND job_id = %s AND lease_token = %s
RETURNING {COLUMNS}
"""

FINISH = """
UPDATE jobs SET status = 'done', progress = 1, state = '{}', result = %s, expires_at = now() + %s,
  lease_token = NULL, lease_until = NULL, updated_at = now()
WHERE user_id = %s AND job_id = %s AND lease_token = %s
"""

FAIL = """
UPDATE jobs SET status = 'failed', error_code = %s, error_message = %s, expires_at = now() + make_interval(days => %s),
  lease_token = NULL, lease_until = NULL, updated_at = now()
WHERE user_id = %s AND job_id = %s AND lease_token = %s
"""

RELEASE = """
UPDATE jobs SET lease_token = NULL, lease_until = NULL, updated_at = now()
WHERE user_id = %s AND job_id = %s AND lease_token = %s
"""
