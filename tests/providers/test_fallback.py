"""Who is asked after whom, with real time and analyzers that do as they are told."""

import json
import time
from contextlib import suppress

import pytest

from app.analysis.fallback import FallbackAnalyzer
from app.analysis.models import AnalysisDocument, ImageFacts, ProviderAnswer
from app.platform.errors import PermanentFailure, Unavailable

FACTS = ImageFacts(filename="a.jpg", mime_type="image/jpeg", width=1, height=1)
NO_KEY = PermanentFailure("provider_not_configured", "The parameter /collections/test/a_key is missing.")


class Told:
    """An `Analyzer` that answers or raises, after a while; it remembers how long it was given."""

    def __init__(self, name: str, failure: Exception | None = None, *, takes: float = 0.0) -> None:
        self.name, self.failure, self.takes = name, failure, takes
        self.given: list[float] = []

    def __call__(self, seconds: float) -> "Told":
        self.given.append(seconds)
        return self

    def analyze(self, image: bytes, *, facts: ImageFacts) -> ProviderAnswer:
        time.sleep(self.takes)
        if self.failure:
            raise self.failure
        return ProviderAnswer(AnalysisDocument(category="photo", headline="h", summary=""), self.name, "m", "1")


def of(*told: Told, deadline_s: float = 60) -> FallbackAnalyzer:
    return FallbackAnalyzer({each.name: each for each in told}, deadline_s=deadline_s)


def test_the_first_that_answers_is_the_only_one_asked() -> None:
    first, second = Told("first"), Told("second")

    answer = of(first, second).analyze(b"", facts=FACTS)

    assert answer.provider == "first"
    assert second.given == []


@pytest.mark.parametrize("failure", [Unavailable("down"), NO_KEY], ids=["cannot answer now", "has no key"])
def test_the_next_is_asked_when_one(failure: Exception) -> None:
    answer = of(Told("first", failure), Told("second")).analyze(b"", facts=FACTS)

    assert answer.provider == "second"


@pytest.mark.parametrize("code", ["refused", "invalid_answer", "provider_rejected", "unreadable_image"])
def test_a_picture_that_one_will_not_describe_is_shown_to_nobody_else(code: str) -> None:
    second = Told("second")

    with pytest.raises(PermanentFailure) as caught:
        of(Told("first", PermanentFailure(code, "no")), second).analyze(b"", facts=FACTS)

    assert caught.value.code == code
    assert second.given == []


def test_each_has_an_equal_share_of_what_is_left_and_time_not_used_is_the_next_ones() -> None:
    first, second = Told("first", Unavailable("down"), takes=0.2), Told("second", Unavailable("down"))
    third = Told("third")

    of(first, second, third, deadline_s=6).analyze(b"", facts=FACTS)

    assert first.given[0] == pytest.approx(2, abs=0.1)
    assert second.given[0] == pytest.approx(2.9, abs=0.1)
    assert third.given[0] == pytest.approx(5.8, abs=0.1)


def test_when_nobody_can_answer_it_is_tried_again_when_the_first_may() -> None:
    busy, busier = Unavailable("busy", retry_after=7), Unavailable("busier", retry_after=900)

    with pytest.raises(Unavailable) as caught:
        of(Told("first", busier), Told("second", busy), Told("third", NO_KEY)).analyze(b"", facts=FACTS)

    assert caught.value.retry_after == 7


def test_when_nobody_has_a_key_the_first_ones_is_named() -> None:
    other = PermanentFailure("provider_not_configured", "another")

    with pytest.raises(PermanentFailure, match="a_key"):
        of(Told("first", NO_KEY), Told("second", other)).analyze(b"", facts=FACTS)


@pytest.mark.parametrize(
    ("analyzer", "metric", "dimensions"),
    [
        (of(Told("a")), "provider_ms", {"stage": "analyzer", "provider": "a"}),
        (of(Told("b", Unavailable("x"))), "provider_failures", {"provider": "b", "code": "unavailable"}),
        (of(Told("c", PermanentFailure("refused", "x"))), "provider_failures", {"provider": "c", "code": "refused"}),
    ],
)
def test_what_each_took_is_a_metric(
    analyzer: FallbackAnalyzer, metric: str, dimensions: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    with suppress(Unavailable, PermanentFailure):
        analyzer.analyze(b"", facts=FACTS)

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    (line,) = [line for line in lines if "provider_failed" not in line]
    assert metric in line
    assert dimensions.items() <= line.items()
    (declared,) = line["_aws"]["CloudWatchMetrics"]
    assert declared["Namespace"] == "Collections"
