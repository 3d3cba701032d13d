"""Conversations: their HTTP routes, and the turns that other invocations ask for, which may outlast a request."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from mangum import Mangum

from app.chat import turns
from app.chat.api import create_app
from app.chat.schemas import AnswerAsked, SearchAsked, TurnAsked
from app.chat.thumbnails import thumbnails
from app.platform import wiring
from app.platform.build_info import probed
from app.usage.models import Kind
from app.usage.service import paying

# lifespan="off": Mangum would run it at every request.
_http = Mangum(create_app(), lifespan="off", text_mime_types=["text/", "application/json", "application/problem+json"])


@probed
def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """A gateway's request, or `{"turn": TurnAsked}`, `{"answer": AnswerAsked}`, `{"search": SearchAsked}`.

    IAM lets only those send the latter three who have verified the user. `{"parameter": name}` is asked by
    `make test-infra`: whether a function sees what is in the parameter store now, never what it is.
    """
    if "turn" in event:
        return turns.take(TurnAsked.model_validate(event["turn"]), desk())
    if "answer" in event:
        return turns.explain(AnswerAsked.model_validate(event["answer"]), desk())
    if "search" in event:
        return turns.look(SearchAsked.model_validate(event["search"]), desk())
    if "parameter" in event:
        return {"is_there": wiring.parameters().is_there(event["parameter"])}
    answer: dict[str, Any] = _http(dict(event), context)
    return answer


def desk() -> turns.Desk:
    settings = wiring.chat_settings()
    return turns.Desk(
        sessions=wiring.chat_sessions(),
        assistant=wiring.assistant,
        planner=wiring.planner,
        collection=wiring.collection,
        find=wiring.finder,
        known=wiring.known_values,
        search_settings=wiring.search_settings(),
        settings=settings,
        # The terms are asked for at each turn: paid calls may be switched off meanwhile.
        paying=lambda user_id: paying(
            user_id, quota=wiring.quota(Kind.CHATS), database=wiring.database(), seconds=settings.chat_reservation_s
        ),
        thumbnails=partial(thumbnails, items=wiring.items(), images=wiring.images()),
        pushes=wiring.hurried_websocket_gateway,
        tracer=wiring.tracer(),
    )
