"""Dead letters on SQS and CloudWatch Logs by moto: looked at without being touched, and sent on their way again."""

import json
import time
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
import typer
from moto import mock_aws
from typer.testing import CliRunner

from app.platform.events import ImageProcessed
from app.platform.queue import BATCH_FAILED
from scripts import dlq, outputs

REGION = "eu-central-1"
STREAM = "worker"


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """The outputs of a cloud that has the analyzer's queues, function and log."""
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        made = {"Region": REGION, "AnalyzerFunctionName": _function({"Region": REGION})}
        sqs = outputs.client("sqs", made)
        for name in ("Queue", "Dlq"):
            made[f"Analyzer{name}Url"] = sqs.create_queue(QueueName=f"analyzer-{name}")["QueueUrl"]
        yield made


def _function(found: dict[str, str]) -> str:
    name = "analyzer"
    logs, iam = outputs.client("logs", found), outputs.client("iam", found)
    role = iam.create_role(RoleName="any", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    outputs.client("lambda", found).create_function(
        FunctionName=name, Role=role, Runtime="python3.13", Handler="handler.handler", Code={"ZipFile": b"none"}
    )
    logs.create_log_group(logGroupName=f"/aws/lambda/{name}")
    logs.create_log_stream(logGroupName=f"/aws/lambda/{name}", logStreamName=STREAM)
    return name


def give_up(found: dict[str, str], item_id: UUID, **attributes: str) -> str:
    """Put a stage's message among its dead letters. Returns the message's id."""
    event = ImageProcessed(uuid4(), item_id, 1)
    body = json.dumps({"source": event.source, "detail-type": event.detail_type, "detail": json.loads(event.detail())})
    typed = {name: {"StringValue": value, "DataType": "String"} for name, value in attributes.items()}
    sqs = outputs.client("sqs", found)
    return sqs.send_message(QueueUrl=found["AnalyzerDlqUrl"], MessageBody=body, MessageAttributes=typed)["MessageId"]


def log(found: dict[str, str], line: dict[str, Any]) -> None:
    outputs.client("logs", found).put_log_events(
        logGroupName="/aws/lambda/analyzer",
        logStreamName=STREAM,
        logEvents=[{"timestamp": int(time.time() * 1000) + 1, "message": json.dumps(line)}],
    )


def visible(found: dict[str, str], queue: str) -> int:
    name = "ApproximateNumberOfMessages"
    answer = outputs.client("sqs", found).get_queue_attributes(QueueUrl=found[queue], AttributeNames=[name])
    return int(answer["Attributes"][name])


def test_a_letter_tells_its_item_and_the_last_reason_in_the_log(found: dict[str, str]) -> None:
    item_id = uuid4()
    message_id = give_up(found, item_id)
    for reason in ("KeyError: 'first'", "PermissionError: the last one"):
        log(found, {"message": BATCH_FAILED, "message_ids": [message_id], "exception": f"Traceback…\n{reason}"})

    (letter,) = dlq.dead_letters("analyzer", found)

    assert (letter.item, letter.stage, letter.reason) == (str(item_id), "analyzer", "PermissionError: the last one")
    assert letter.receives == 1


def test_what_eventbridge_could_not_deliver_says_so_itself(found: dict[str, str]) -> None:
    give_up(found, uuid4(), ERROR_CODE="NO_PERMISSIONS", ERROR_MESSAGE="Not allowed.")

    (letter,) = dlq.dead_letters("analyzer", found)

    assert letter.reason == "not delivered: NO_PERMISSIONS Not allowed."


def test_a_letter_without_a_word_and_one_that_is_none_of_ours_are_listed_too(found: dict[str, str]) -> None:
    give_up(found, uuid4())
    outputs.client("sqs", found).send_message(QueueUrl=found["AnalyzerDlqUrl"], MessageBody="Dear queue")

    letters = dlq.dead_letters("analyzer", found)

    assert [letter.reason.partition(":")[0] for letter in letters] == ["nothing in the log"] * 2
    assert "(not one of our events)" in {letter.item for letter in letters}


def test_looking_takes_nothing_away_however_many_there_are(found: dict[str, str]) -> None:
    ids = {str(item_id) for item_id in (uuid4() for _ in range(23)) if give_up(found, item_id)}

    first, second = (dlq.dead_letters("analyzer", found) for _ in range(2))

    assert {letter.item for letter in first} == {letter.item for letter in second} == ids
    assert visible(found, "AnalyzerDlqUrl") == 23


def test_a_redrive_moves_every_letter_once(found: dict[str, str]) -> None:
    for _ in range(13):
        give_up(found, uuid4())

    moved = [dlq.redrive("analyzer", found) for _ in range(2)]

    assert moved == [13, 0]
    assert (visible(found, "AnalyzerDlqUrl"), visible(found, "AnalyzerQueueUrl")) == (0, 13)


def test_a_dry_run_moves_no_letter(found: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    give_up(found, uuid4())
    monkeypatch.setattr(outputs, "read", lambda cloud: found)

    answer = CliRunner().invoke(dlq.app, ["redrive", "analyzer", "--dry-run"])

    assert "1 dead letters" in answer.output
    assert (visible(found, "AnalyzerDlqUrl"), visible(found, "AnalyzerQueueUrl")) == (1, 0)


def test_an_unknown_stage_is_told_the_known_ones(found: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit):
        dlq.redrive("stylist", found)

    assert "image_processor, analyzer, embedder" in "".join(capsys.readouterr())
