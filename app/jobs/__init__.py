"""Work that outlasts a request: asked for over HTTP, done by the `jobs` Lambda step by step, told by `GET /jobs/{id}`.

To add a kind of job:

1. Its name in `app.jobs.models.Kind`.
2. A step function `(job: Job) -> Step | Done`: it looks at `job.state`, does a few seconds' work *outside* any
   transaction, and answers with the next state and the progress. It may be killed anywhere and be run again with the
   same state, so a step is idempotent; what it wants to write together with its new state goes into `write`.
3. That function in the table of `lambdas/jobs/handler.py`, built by `app.platform.wiring`.
4. A route that calls `app.jobs.service.request`, which answers with the running job where there is one.

Claiming, leases, progress, going on in the next invocation, back-off, giving up and cleaning up are done here:
`service.run_job`, and hourly `app.cleanup`.
"""
