"""Judged dialogues in LangSmith: a data set with one example a turn, and a run of them with our scores as feedback.

The scores are our own evaluators' (`app.evaluation.dialogues`): what they say there is what the report says here.
Sources: LangSmith API reference: "datasets", "examples", "sessions", "runs/batch", "feedback".
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol
from uuid import UUID, uuid4, uuid5

from app.evaluation.dialogues import Dialogues, Scored, Turn

DATASET = "collections-dialogues"
_EXAMPLES = UUID("a60b2d6c-1d64-4d0a-9a0f-2f1c0f2b7f11")
_AT_ONCE = 100


class Hub(Protocol):
    """LangSmith's REST API (`app.platform.langsmith.LangSmith`)."""

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """The answer's JSON. Raises Unavailable."""
        ...


def publish(held: Dialogues, scored: Sequence[Scored], *, name: str, model: str, hub: Hub) -> None:
    """Bring the data set up to date, and add this run to it. Repeating it adds no example twice.

    Raises:
        Unavailable: LangSmith did not take it; what it has taken stays.
    """
    dataset_id = upload(held, hub)
    experiment = hub.call(
        "POST",
        "/sessions",
        {
            "id": str(uuid4()),
            "name": name,
            "reference_dataset_id": dataset_id,
            "start_time": datetime.now(UTC).isoformat(),
            "extra": {"metadata": {"model": model}},
        },
    )
    runs = {str(uuid4()): each for each in scored}
    posts = [_run(run_id, each, dataset_id, experiment["id"]) for run_id, each in runs.items()]
    for start in range(0, len(posts), _AT_ONCE):
        hub.call("POST", "/runs/batch", {"post": posts[start : start + _AT_ONCE], "patch": []})
    for run_id, each in runs.items():
        for key, score in scores_of(each):
            hub.call("POST", "/feedback", {"id": str(uuid4()), "run_id": run_id, "key": key, "score": score})


def upload(held: Dialogues, hub: Hub) -> str:
    """The data set with every turn as an example, made where it is missing; returns its id."""
    found = hub.call("GET", f"/datasets?name={DATASET}")
    if found:
        dataset_id = str(found[0]["id"])
    else:
        made = hub.call("POST", "/datasets", {"name": DATASET, "data_type": "kv", "description": __doc__})
        dataset_id = str(made["id"])
    known = {each["id"] for each in hub.call("GET", f"/examples?dataset={dataset_id}&limit=1000")}
    missing = [each for each in examples(held, dataset_id) if each["id"] not in known]
    for start in range(0, len(missing), _AT_ONCE):
        hub.call("POST", "/examples/bulk", missing[start : start + _AT_ONCE])
    return dataset_id


def examples(held: Dialogues, dataset_id: str) -> Iterator[dict[str, Any]]:
    """One for each turn, with what was asked before it. A turn that is changed is another example."""
    for dialogue in held.dialogues:
        for place, turn in enumerate(dialogue.turns):
            earlier = [each.text for each in dialogue.turns[:place] if _is_same_session(each, turn)]
            wanted = {"cites": turn.cites, "says": turn.says, "never": turn.never, "abstains": turn.abstains}
            yield {
                "id": str(example_id(dataset_id, dialogue.dialogue_id, place, turn.text)),
                "dataset_id": dataset_id,
                "inputs": {"question": turn.text, "earlier": earlier, "person": turn.person},
                "outputs": wanted,
                "metadata": {"dialogue": dialogue.dialogue_id, "kind": dialogue.kind, "turn": place + 1},
            }


def _is_same_session(one: Turn, other: Turn) -> bool:
    return (one.person, one.session) == (other.person, other.session)


def example_id(dataset_id: str, dialogue: str, place: int, asked: str) -> UUID:
    return uuid5(_EXAMPLES, f"{dataset_id}/{dialogue}/{place}/{asked}")


def scores_of(scored: Scored) -> list[tuple[str, float]]:
    """What our evaluators say of one answer, by name; measures that do not apply are left out."""
    measured = {
        "right": float(scored.is_right),
        "citation_precision": scored.precision,
        "citation_recall": scored.recall,
        "facts": scored.facts,
        "abstention": float(scored.abstained == scored.should_abstain),
        "leaks": float(scored.leaks),
        "orders_followed": float(scored.obeyed),
    }
    return [(name, value) for name, value in measured.items() if value is not None]


def _run(run_id: str, scored: Scored, dataset_id: str, experiment_id: str) -> dict[str, Any]:
    now = datetime.now(UTC)
    return {
        "id": run_id,
        "trace_id": run_id,
        "dotted_order": f"{now:%Y%m%dT%H%M%S%fZ}{run_id}",
        "session_id": experiment_id,
        "reference_example_id": str(example_id(dataset_id, scored.dialogue, scored.place, scored.asked)),
        "name": "turn",
        "run_type": "chain",
        "start_time": now.isoformat(),
        "end_time": now.isoformat(),
        "inputs": {"question": scored.asked},
        "outputs": {"answer": scored.said},
        "error": scored.error,
    }
