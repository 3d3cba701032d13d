"""Searching the web with Tavily, through its own SDK. It is asked for short extracts; we fetch no page ourselves."""

from typing import Any

from app.chat.turn import Page
from app.platform.errors import PermanentFailure, Unavailable
from app.platform.parameters import Secret
from app.platform.providers import ASK_AGAIN_S, Deadline, failure_of
from app.platform.settings import ChatSettings

_CONTENT_LENGTH = 1500


class TavilySearch:
    """An `app.chat.turn.Web`."""

    def __init__(self, secret: Secret, settings: ChatSettings) -> None:
        self._secret = secret
        self._settings = settings

    def search(self, query: str) -> list[Page]:
        deadline = Deadline(self._settings.web_search_deadline_s)
        found = deadline.run(lambda: self._ask(query, deadline.timeout()), provider="Tavily")
        return [
            Page(
                str(result.get("title", "")),
                str(result.get("url", "")),
                str(result.get("content", ""))[:_CONTENT_LENGTH],
            )
            for result in found.get("results", [])[: self._settings.web_search_results]
        ]

    def _ask(self, query: str, timeout: float) -> dict[str, Any]:
        # Imported here: only a search needs it, and it brings requests and httpx along.
        import requests
        from tavily import TavilyClient, errors

        settings = self._settings
        with TavilyClient(self._secret.value(), api_base_url=settings.tavily_base_url) as client:
            try:
                found: dict[str, Any] = client.search(
                    query,
                    search_depth=settings.web_search_depth,
                    max_results=settings.web_search_results,
                    include_domains=list(settings.web_search_domains) or None,
                    timeout=timeout,
                )
            except errors.InvalidAPIKeyError as exc:
                self._secret.refused()
                raise failure_of(401, provider="Tavily") from exc
            except (errors.UsageLimitExceededError, errors.ForbiddenError) as exc:
                raise Unavailable("Tavily refuses our account.", retry_after=ASK_AGAIN_S) from exc
            except errors.BadRequestError as exc:
                raise PermanentFailure("provider_rejected", "Tavily does not accept this search.") from exc
            except (errors.TimeoutError, requests.RequestException, ValueError) as exc:
                raise Unavailable("Tavily cannot answer now.") from exc
        return found
