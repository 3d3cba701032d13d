"""Judged dialogues in LangSmith, against a server that speaks its REST API."""

from pathlib import Path

import pytest

from app.evaluation import dialogues, experiments
from app.evaluation.datasets import Dataset
from app.evaluation.dialogues import Dialogues, Said, Scored
from app.platform.errors import Unavailable
from app.platform.langsmith import LangSmith
from tests import stub_providers as stubs
from tests.stub_providers import KEY, LangSmithStub

FOLDER = Path(__file__).resolve().parents[2] / "samples"


@pytest.fixture
def hub(url: str) -> LangSmith:
    return LangSmith(KEY, base_url=url, project="collections-test")


@pytest.fixture
def held() -> Dialogues:
    whole = dialogues.read(FOLDER, Dataset("samples", (), ()))
    return Dialogues(whole.people, whole.dialogues[:3])


@pytest.fixture
def scored(held: Dialogues) -> list[Scored]:
    return dialogues.hold(held, lambda *_: Said("It was 5.40 [1]", ("receipt-bakery.jpg",)))


def test_every_turn_is_an_example_with_what_was_asked_before_it(
    hub: LangSmith, langsmith: LangSmithStub, held: Dialogues
) -> None:
    dataset_id = experiments.upload(held, hub)

    (dataset,) = langsmith.datasets
    assert (dataset["id"], dataset["name"]) == (dataset_id, experiments.DATASET)
    assert len(langsmith.examples) == sum(len(each.turns) for each in held.dialogues)
    second = list(langsmith.examples.values())[1]
    assert second["inputs"]["question"] == held.dialogues[0].turns[1].text
    assert second["inputs"]["earlier"] == [held.dialogues[0].turns[0].text]
    assert second["outputs"]["cites"] == ["receipt-bakery.jpg"]


def test_a_run_is_an_experiment_with_our_scores_as_feedback(
    hub: LangSmith, langsmith: LangSmithStub, held: Dialogues, scored: list[Scored]
) -> None:
    experiments.publish(held, scored, name="chat 1", model="local", hub=hub)

    (experiment,) = langsmith.experiments
    assert experiment["reference_dataset_id"] == langsmith.datasets[0]["id"]
    assert {run["session_id"] for run in langsmith.runs} == {experiment["id"]}
    assert {run["reference_example_id"] for run in langsmith.runs} == set(langsmith.examples)
    first = {each["key"]: each["score"] for each in langsmith.feedback if each["run_id"] == langsmith.runs[0]["id"]}
    assert first == {
        # Without the samples the item is not this person's.
        "right": 0, "citation_precision": 1, "citation_recall": 1, "facts": 1, "abstention": 1, "leaks": 1,
        "orders_followed": 0,
    }  # fmt: skip
    assert langsmith.refused == []


def test_a_second_run_adds_no_example(
    hub: LangSmith, langsmith: LangSmithStub, held: Dialogues, scored: list[Scored]
) -> None:
    for name in ("first", "second"):
        experiments.publish(held, scored, name=name, model="local", hub=hub)

    assert len(langsmith.datasets) == 1
    assert len(langsmith.examples) == len(scored)
    assert len(langsmith.experiments) == 2
    assert len(langsmith.runs) == 2 * len(scored)


@pytest.mark.parametrize("reply", [stubs.UNAUTHORIZED, stubs.SERVER_ERROR, stubs.CONNECTION_RESET, stubs.MALFORMED])
def test_a_vendor_that_does_not_take_it_is_told(
    hub: LangSmith, langsmith: LangSmithStub, held: Dialogues, scored: list[Scored], reply: stubs.Reply
) -> None:
    langsmith.default = reply

    with pytest.raises(Unavailable):
        experiments.publish(held, scored, name="chat 1", model="local", hub=hub)
