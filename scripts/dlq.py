"""Dead letters: look at what was given up, mend the cause, send it on its way again.

Receive, send, delete: that works on both clouds (the local one has no `StartMessageMoveTask`), and twice is not once
too often: a stage that has done its work only announces it again.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.table import Table

from app.platform.queue import BATCH_FAILED
from scripts import function_logs, outputs
from scripts.console import commands, console, fail, say
from scripts.outputs import Cloud, cloud_name

STAGES = ("image_processor", "analyzer", "embedder", "jobs")
# Long enough to look through a full queue; what was only looked at is shown again at once.
_LOOKING_S = 120
_MOVING_S = 120
_AT_ONCE = 10
_UNKNOWN = "nothing in the log: the worker was killed, or every attempt gave the message back"

app = commands()


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that was given up. Looking at it counts as a receive, too."""

    message_id: str
    stage: str
    # An item's or a job's id, or the key of an object that has no item yet.
    item: str
    reason: str
    receives: int
    sent_at: datetime


@app.command("list")
def show(stage: Annotated[str, typer.Option(help="One stage only.")] = "", cloud: Cloud = "local") -> None:
    """Item, stage, reason and number of receives of every dead letter. Takes none away."""
    found = outputs.read(cloud_name(cloud))
    letters = [letter for name in ([stage] if stage else STAGES) for letter in dead_letters(name, found)]
    if not letters:
        say("No dead letters.")
        return
    table = Table("Item", "Stage", "Reason", "Receives", "Since", box=None, padding=(0, 2, 0, 0), header_style="dim")
    for letter in letters:
        since = letter.sent_at.strftime("%Y-%m-%d %H:%M")
        table.add_row(letter.item, letter.stage, letter.reason, str(letter.receives), since)
    console.print(table)


@app.command("redrive")
def send_again(
    stage: Annotated[str, typer.Argument(help="image_processor, analyzer, embedder or jobs")],
    cloud: Cloud = "local",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
) -> None:
    """Send a stage's dead letters to its queue again."""
    found = outputs.read(cloud_name(cloud))
    if dry_run:
        say(f"Would send {len(dead_letters(stage, found))} dead letters of {stage} again. Nothing was changed.")
        return
    moved = redrive(stage, found)
    say(f"[green]✓[/] {moved} dead letters of {stage} are on their way again")


def dead_letters(stage: str, found: dict[str, str]) -> list[DeadLetter]:
    """All dead letters of a stage; they are visible again afterwards."""
    _, dlq = _queues(stage, found)
    sqs = outputs.client("sqs", found)
    messages = list(_received(sqs, dlq, hidden_for=_LOOKING_S))
    for message in messages:
        sqs.change_message_visibility(QueueUrl=dlq, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0)
    if not messages:
        return []
    since = min(_sent_at(message) for message in messages)
    reasons = _logged_reasons(stage, found, since=since.timestamp())
    return [_letter(stage, message, reasons) for message in messages]


def redrive(stage: str, found: dict[str, str]) -> int:
    """Send first, delete then: what is interrupted in between is delivered twice, which does no harm. Returns how many.

    Only as many as there were at the start: what fails again at once does not go round in circles.
    """
    queue, dlq = _queues(stage, found)
    sqs = outputs.client("sqs", found)
    moved = 0
    for message in _received(sqs, dlq, hidden_for=_MOVING_S):
        sqs.send_message(QueueUrl=queue, MessageBody=message["Body"])
        sqs.delete_message(QueueUrl=dlq, ReceiptHandle=message["ReceiptHandle"])
        moved += 1
    return moved


def _queues(stage: str, found: dict[str, str]) -> tuple[str, str]:
    return outputs.queue_urls(stage, found) or fail(f"There is no stage {stage!r}. Use one of: {', '.join(STAGES)}.")


def _received(sqs: Any, url: str, *, hidden_for: int) -> Iterator[dict[str, Any]]:
    """At most as many messages as the queue has now, each once."""
    name = "ApproximateNumberOfMessages"
    count = int(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"][name])
    seen: set[str] = set()
    while len(seen) < count:
        answer = sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=_AT_ONCE,
            VisibilityTimeout=hidden_for,
            WaitTimeSeconds=1,
            MessageSystemAttributeNames=["ApproximateReceiveCount", "SentTimestamp"],
            MessageAttributeNames=["All"],
        )
        fresh = [message for message in answer.get("Messages", []) if message["MessageId"] not in seen]
        if not fresh:
            return
        seen.update(message["MessageId"] for message in fresh)
        yield from fresh


def _letter(stage: str, message: dict[str, Any], logged: dict[str, str]) -> DeadLetter:
    reason = _undelivered(message) or logged.get(message["MessageId"], _UNKNOWN)
    receives = int(message["Attributes"]["ApproximateReceiveCount"])
    return DeadLetter(message["MessageId"], stage, _item(message["Body"]), reason, receives, _sent_at(message))


def _item(body: str) -> str:
    """What the message is about, however broken it is."""
    try:
        detail = json.loads(body)["detail"]
        return str(detail.get("item_id") or detail.get("job_id") or detail["object"]["key"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return "(not one of our events)"


def _undelivered(message: dict[str, Any]) -> str:
    """Why EventBridge could not even queue it; empty: it could."""
    attributes = message.get("MessageAttributes", {})
    words = [attributes[name]["StringValue"] for name in ("ERROR_CODE", "ERROR_MESSAGE") if name in attributes]
    return f"not delivered: {' '.join(words)}" if words else ""


def _sent_at(message: dict[str, Any]) -> datetime:
    return datetime.fromtimestamp(int(message["Attributes"]["SentTimestamp"]) / 1000, UTC)


def _logged_reasons(stage: str, found: dict[str, str], *, since: float) -> dict[str, str]:
    """The last error that the stage's function wrote of each message, by message id."""
    function = outputs.function_name(stage, found)
    reasons: dict[str, str] = {}
    for event in function_logs.events(function, found, since=since, containing=BATCH_FAILED) if function else ():
        try:
            line = json.loads(event["message"])
            reason = str(line["exception"]).strip().splitlines()[-1]
            reasons |= dict.fromkeys(line["message_ids"], reason)
        except (ValueError, KeyError, TypeError, IndexError):
            continue  # somebody else's line with the same words in it
    return reasons


if __name__ == "__main__":
    app()
