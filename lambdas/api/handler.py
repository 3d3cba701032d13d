"""HTTP API → FastAPI, through Mangum."""

import gc

# Imports make much that lives on and little that can go: collecting meanwhile is a tenth of the cold start.
gc.disable()

from mangum import Mangum  # noqa: E402

from app.api import create_app  # noqa: E402

# lifespan="off": Mangum would run it at every request.
handler = Mangum(
    create_app(), lifespan="off", text_mime_types=["text/", "application/json", "application/problem+json"]
)

gc.freeze()
gc.enable()
