"""HTTP API → FastAPI, through Mangum."""

from mangum import Mangum

from app.api import create_app

# lifespan="off": Mangum would run it at every request.
handler = Mangum(
    create_app(), lifespan="off", text_mime_types=["text/", "application/json", "application/problem+json"]
)
