"""One provider after the other, within one deadline; and what each took, measured."""

import time
from collections.abc import Callable, Mapping, Sequence

from app.analysis.models import Analyzer, ImageFacts, ProviderAnswer
from app.items.models import ANALYSIS
from app.platform import metrics
from app.platform.errors import PermanentFailure, Unavailable, code_of
from app.platform.logs import logger
from app.platform.providers import Deadline, asking

# Builds an analyzer that may take so many seconds.
Choice = Callable[[float], Analyzer]


class FallbackAnalyzer:
    """An `Analyzer` that asks the next one when one cannot answer now, or has no key. `provider_used` says who did.

    A no to the picture is final. Another vendor might say yes, but whose pictures these are did not ask for them to be
    shown around until somebody does; and what is invalid twice has been paid for twice.
    """

    def __init__(self, choices: Mapping[str, Choice], *, deadline_s: float) -> None:
        """`choices` by provider, in order. `deadline_s` is for all: each gets an equal share of what is left."""
        self._choices = choices
        self._deadline_s = deadline_s

    def analyze(self, image: bytes, *, facts: ImageFacts) -> ProviderAnswer:
        """Raises what the last one raises; where any may answer later, Unavailable until the first of them may."""
        deadline = Deadline(self._deadline_s)
        failures: list[PermanentFailure | Unavailable] = []
        for position, (provider, choice) in enumerate(self._choices.items()):
            share = deadline.remaining() / (len(self._choices) - position)
            try:
                return _measured(provider, lambda: choice(share).analyze(image, facts=facts))  # noqa: B023  # at once
            except (PermanentFailure, Unavailable) as exc:
                if isinstance(exc, PermanentFailure) and exc.code != "provider_not_configured":
                    raise
                failures.append(exc)
        raise _of(failures)


def _measured(provider: str, call: Callable[[], ProviderAnswer]) -> ProviderAnswer:
    started = time.perf_counter()
    try:
        with asking(ANALYSIS.name):
            answer = call()
    except (PermanentFailure, Unavailable) as exc:
        metrics.publish({"provider_failures": 1}, stage=ANALYSIS.name, provider=provider, code=code_of(exc))
        logger.warning("not analyzed", provider=provider, code=code_of(exc), reason=exc.detail)
        raise
    elapsed_ms = round((time.perf_counter() - started) * 1000)
    usage = answer.usage
    metrics.publish(
        {
            "provider_ms": elapsed_ms,
            "input_tokens": usage.input_tokens,
            "output_tokens": usage.output_tokens,
            "cost_usd": float(usage.cost_usd),
        },
        stage=ANALYSIS.name,
        provider=provider,
    )
    logger.info("analyzed", provider=provider, model=answer.model, provider_ms=elapsed_ms)
    return answer


def _of(failures: Sequence[PermanentFailure | Unavailable]) -> PermanentFailure | Unavailable:
    passing = [failure for failure in failures if isinstance(failure, Unavailable)]
    return min(passing, key=lambda failure: failure.retry_after) if passing else failures[0]
