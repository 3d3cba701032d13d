"""The one composition root: every collaborator is built here, on first use, once per execution environment.

A module for each capability, and all that they build under `wiring.…`. The modules too ask there for one another's
collaborators and for their own: what a test puts in a builder's place is what everybody gets. What only some functions
use is imported where it is built: each bundle carries only its own requirements.
"""

from app.platform.wiring._account import account, account_settings, deletion, export, objects_of_user, user_directory
from app.platform.wiring._analysis import _vendor, analyses, analysis_prompt, analysis_settings, analyzer
from app.platform.wiring._chat import (
    _chat_model,
    answer_model_settings,
    assistant,
    chat_function,
    chat_sessions,
    chat_settings,
    collection,
    planner,
)
from app.platform.wiring._cleanup import cleanup_store, job_cleanup_store, usage_cleanup_store
from app.platform.wiring._embedding import (
    embedder,
    embedding_settings,
    former_embedder,
    former_query_embedder,
    query_embedder,
    query_vectors,
)
from app.platform.wiring._items import images, items, storage_settings
from app.platform.wiring._jobs import job_settings, jobs
from app.platform.wiring._platform import (
    database,
    events,
    langsmith,
    parameters,
    rate_limiter,
    request_settings,
    request_store,
    stage_settings,
    token_verifier,
    tracer,
)
from app.platform.wiring._realtime import connections, hurried_websocket_gateway, websocket_gateway
from app.platform.wiring._search import (
    finder,
    known_values,
    rebuild,
    rebuilds,
    search_index,
    search_settings,
    suggestions,
)
from app.platform.wiring._usage import as_of_now, quota, terms, terms_now, usage, usage_settings
