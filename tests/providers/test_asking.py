"""How often providers give no answer, as a metric whose average is the share."""

import json
from contextlib import suppress

import pytest

from app.platform.errors import AppError, PermanentFailure, Unavailable
from app.platform.providers import asking


@pytest.mark.parametrize(
    ("failure", "failed"),
    [
        (None, 0),
        (Unavailable("It is down."), 1),
        (PermanentFailure("provider_not_configured", "There is no key."), 1),
        (PermanentFailure("provider_rejected", "It does not take this."), 1),
        (PermanentFailure("refused", "It will not look at this picture."), 0),
    ],
)
def test_a_call_counts_as_failed_if_there_was_no_answer(
    failure: AppError | None, failed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with suppress(AppError), asking("analyzer"):
        if failure:
            raise failure

    line = json.loads(capsys.readouterr().out)
    assert line["provider_failed"] == [failed]
    assert (line["service"], line["stage"]) == ("collections", "analyzer")


def test_what_went_wrong_goes_on() -> None:
    with pytest.raises(Unavailable, match="down"), asking("chat"):
        raise Unavailable("It is down.")
