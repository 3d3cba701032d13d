"""HTTP API → FastAPI, through Mangum."""

import gc
import os
import warnings

# Imports make much that lives on and little that can go: collecting meanwhile is a tenth of the cold start.
gc.disable()
# We have no Pydantic plugins, and looking for them reads every package's metadata.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

from pydantic import BaseModel  # noqa: E402
from pydantic.warnings import UnsupportedFieldAttributeWarning  # noqa: E402

# Validators are built when a model is first used: a cold start serves one route, and has no need of all the others'.
# FastAPI mutes this warning while it builds them; now they are built elsewhere.
BaseModel.model_config["defer_build"] = True
warnings.simplefilter("ignore", UnsupportedFieldAttributeWarning)

from mangum import Mangum  # noqa: E402

from app.api import create_app  # noqa: E402
from app.platform.build_info import probed  # noqa: E402

# lifespan="off": Mangum would run it at every request.
handler = probed(
    Mangum(create_app(), lifespan="off", text_mime_types=["text/", "application/json", "application/problem+json"])
)

del BaseModel.model_config["defer_build"]
gc.freeze()
gc.enable()
