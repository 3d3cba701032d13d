"""The harness's cloud: deployed as users deploy it, with the proxy before it, the stubs behind it, and a shorter clock.

What the shorter clock shortens, on this cloud only, in seconds (AWS → here): provider deadline 60 → 4, Lambda 90 → 7,
lease 120 → 8, visibility 540 → 10. The order, which is what the design rests on, stays: whoever waits outlives whom it
waits for. What cleanup takes for stuck, 900 → 3, comes into play only when it is called, with all queues empty.
"""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg

from app.platform.events import ItemEvent
from tests.e2e.local_cloud import LocalCloud, sign_in
from tests.faults import deployment
from tests.faults.people import Person
from tests.faults.providers import Vision
from tests.faults.proxy import FaultProxy
from tests.stub_providers import KEY, VoyageStub, serving

PORT = 4586
PROXY_PORT = 4587
STAGES = ("ImageProcessor", "Analyzer", "Embedder")
# As infrastructure/clouds.py and pipeline_stage.py deploy it.
WORKERS, MAX_RECEIVES = 2, 20
PROVIDER_DEADLINE_S, LAMBDA_TIMEOUT_S, LEASE_S, VISIBILITY_S, STUCK_AFTER_S = 4, 7, 8, 10, 3
# A job's steps do more than one call each: their clock is shortened less.
JOB_STEP_SECONDS, JOB_TIMEOUT_S, JOB_LEASE_S, JOB_VISIBILITY_S = 8, 14, 15, 17
MOVING = ("uploading", "processing", "analyzing", "embedding")
# What is promised is that it comes, not when: somebody else may have both cores.
PATIENCE_S = 300


class FaultCloud:
    """A running local cloud whose SDK and provider calls all pass the proxy."""

    def __init__(self, owner_url: str, proxy: FaultProxy, vision: Vision, embeddings: VoyageStub) -> None:
        self.outputs = deployment.outputs()
        self._local = LocalCloud(self.outputs)
        self._owner_url = owner_url
        self.proxy, self.vision, self.embeddings = proxy, vision, embeddings
        self.people: list[Person] = []

    # --- the cloud's own interfaces, past the proxy

    def client(self, service: str) -> Any:
        return self._local.client(service)

    @cached_property
    def sqs(self) -> Any:
        return self.client("sqs")

    @property
    def bucket(self) -> str:
        return self.outputs["BucketName"]

    def person(self) -> Person:
        """A new user who can sign in."""
        self.people.append(Person(self._local.http(sign_in(self._local))))
        return self.people[-1]

    def rows(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Rows as the database's owner sees them: all tenants'."""
        url = self._owner_url.replace("/postgres?", "/collections?")
        with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
            cursor = connection.execute(statement.encode(), parameters or None)
            return cursor.fetchall() if cursor.description else []

    def owner_url(self, role: str = "postgres") -> str:
        return self._owner_url.replace("postgres@/postgres?", f"{role}@/collections?")

    def send(self, stage: str, message: Mapping[str, Any]) -> None:
        """Put a message on a stage's queue, as a rule would."""
        self.sqs.send_message(QueueUrl=self.outputs[f"{stage}QueueUrl"], MessageBody=json.dumps(message))

    def send_dead_letter(self, stage: str, event: type[ItemEvent], user_id: str, item_id: str) -> None:
        """Put an event of an item's first generation among a stage's dead letters."""
        self.sqs.send_message(
            QueueUrl=self.outputs[f"{stage}DlqUrl"], MessageBody=json.dumps(envelope(event, user_id, item_id, 1))
        )

    def uploaded_envelope(self, key: str) -> dict[str, Any]:
        """What S3 says of a new object."""
        detail = {"bucket": {"name": self.bucket}, "object": {"key": key}}
        return {"source": "aws.s3", "detail-type": "Object Created", "detail": detail}

    def sweep(self) -> dict[str, int]:
        """Run cleanup now. Returns its report."""
        answer = self.client("lambda").invoke(FunctionName=self.outputs["CleanupFunctionName"], Payload=b"{}")
        words = answer["Payload"].read().decode()
        assert "FunctionError" not in answer, words
        return json.loads(words)

    # --- states

    def depth(self, key: str) -> int:
        names = ["", "NotVisible", "Delayed"]
        attributes = self.sqs.get_queue_attributes(
            QueueUrl=self.outputs[key], AttributeNames=[f"ApproximateNumberOfMessages{name}" for name in names]
        )["Attributes"]
        return sum(int(value) for value in attributes.values())

    def dead(self) -> int:
        return sum(self.depth(f"{stage}DlqUrl") for stage in STAGES)

    def is_quiet(self) -> bool:
        """No message anywhere: an event is out before the message that caused it goes."""
        return not any(self.depth(f"{stage}QueueUrl") for stage in STAGES)

    def moving(self) -> int:
        return self.rows("SELECT count(*) FROM items WHERE status = ANY(%s) AND deleted_at IS NULL", list(MOVING))[0][0]

    def until_waiting(self, stage: str, messages: int, within_s: float = PATIENCE_S) -> bool:
        """Wait until that many messages wait for a stage."""
        return eventually(lambda: self.depth(f"{stage}QueueUrl") >= messages, within_s)

    def settle(self, within_s: float = PATIENCE_S) -> bool:
        """Wait until the queues are empty and no item is on its way. False: time is up."""
        return eventually(lambda: self.is_quiet() and not self.moving() and self.is_quiet(), within_s)

    def statuses(self) -> dict[str, int]:
        return dict(self.rows("SELECT status, count(*) FROM items GROUP BY status"))

    def codes(self) -> dict[str, str]:
        """The error code of every failed item, by file name."""
        return dict(self.rows("SELECT original_filename, error_code FROM items WHERE status = 'failed'"))

    # --- settings, on this cloud only

    def tune(self, function: str, *, timeout_s: int | None = None, **environment: str) -> None:
        """Change a deployed function's timeout and variables."""
        client, name = self.client("lambda"), self.outputs[f"{function}FunctionName"]
        current = client.get_function_configuration(FunctionName=name)
        variables = current.get("Environment", {}).get("Variables", {}) | environment
        changes = {"Timeout": timeout_s} if timeout_s else {}
        client.update_function_configuration(FunctionName=name, Environment={"Variables": variables}, **changes)

    def widen(self, stage: str, concurrency: int) -> None:
        """How many workers a stage may have."""
        client, name = self.client("lambda"), self.outputs[f"{stage}FunctionName"]
        for mapping in client.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]:
            client.update_event_source_mapping(UUID=mapping["UUID"], ScalingConfig={"MaximumConcurrency": concurrency})

    def pause(self, stage: str, *, paused: bool = True) -> None:
        """Let a stage's messages wait in their queue."""
        client, name = self.client("lambda"), self.outputs[f"{stage}FunctionName"]
        for mapping in client.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]:
            client.update_event_source_mapping(UUID=mapping["UUID"], Enabled=not paused)

    def receive_at_most(self, times: int) -> None:
        """After how many receives a message is a dead letter, in every stage."""
        for stage in STAGES:
            url = self.outputs[f"{stage}QueueUrl"]
            policy = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["RedrivePolicy"])["Attributes"]
            changed = json.loads(policy["RedrivePolicy"]) | {"maxReceiveCount": times}
            self.sqs.set_queue_attributes(QueueUrl=url, Attributes={"RedrivePolicy": json.dumps(changed)})

    def shorten_the_clock(self) -> None:
        for stage in STAGES:
            self.sqs.set_queue_attributes(
                QueueUrl=self.outputs[f"{stage}QueueUrl"], Attributes={"VisibilityTimeout": str(VISIBILITY_S)}
            )
            self.tune(
                stage,
                timeout_s=LAMBDA_TIMEOUT_S,
                PROVIDER_DEADLINE_S=str(PROVIDER_DEADLINE_S),
                LEASE_SECONDS=str(LEASE_S),
            )
        self.sqs.set_queue_attributes(
            QueueUrl=self.outputs["JobsQueueUrl"], Attributes={"VisibilityTimeout": str(JOB_VISIBILITY_S)}
        )
        self.tune("Jobs", timeout_s=JOB_TIMEOUT_S, LEASE_SECONDS=str(JOB_LEASE_S), STEP_SECONDS=str(JOB_STEP_SECONDS))
        self.tune("Cleanup", STUCK_AFTER_SECONDS=str(STUCK_AFTER_S))

    def quieten_realtime(self) -> None:
        """Nobody is connected, and the emulator would start a process for each of many simultaneous `ItemReady`."""
        self.client("lambda").put_function_concurrency(
            FunctionName=self.outputs["RealtimeFunctionName"], ReservedConcurrentExecutions=1
        )

    def give_keys(self) -> None:
        """The providers' keys, where the deployed functions look for them."""
        for name in ("anthropic_api_key", "voyage_api_key"):
            self.client("ssm").put_parameter(
                Name=f"/collections/dev/{name}", Value=KEY, Type="SecureString", Overwrite=True
            )

    # --- PostgreSQL

    def stop_postgres(self) -> None:
        """At once, as a power cut would: `immediate` shutdown, no goodbye to anybody."""
        pid = int((Path(self.outputs["RdsEndpoint"]) / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGQUIT)

    def start_postgres(self) -> None:
        deployment.run("postgres")

    # --- between experiments

    def wipe(self) -> None:
        """Nothing of an earlier experiment is left: rules, plans, settings, messages, rows, objects."""
        self.proxy.clear()
        self.receive_at_most(MAX_RECEIVES)
        for stage in STAGES:
            self.widen(stage, WORKERS)
            self.pause(stage, paused=False)
        for stub in (self.vision, self.embeddings):
            reset(stub)
        for stage in STAGES:
            for queue in ("Queue", "Dlq"):
                with suppress(self.sqs.exceptions.PurgeQueueInProgress):
                    self.sqs.purge_queue(QueueUrl=self.outputs[f"{stage}{queue}Url"])
        self.rows("DELETE FROM items")
        for key in self.objects():
            self.client("s3").delete_object(Bucket=self.bucket, Key=key)

    def objects(self) -> list[str]:
        pages = self.client("s3").get_paginator("list_objects_v2").paginate(Bucket=self.bucket)
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]


def envelope(event: type[ItemEvent], user_id: str, item_id: str, generation: int) -> dict[str, Any]:
    """The event as a rule puts it on a queue."""
    fact = event(UUID(user_id), UUID(item_id), generation)
    return {"source": event.source, "detail-type": event.detail_type, "detail": json.loads(fact.detail())}


def reset(stub: Vision | VoyageStub) -> None:
    """Books, plans and script as new."""
    stub.__dict__.update(type(stub)().__dict__)


def eventually(holds: Callable[[], object], within_s: float = PATIENCE_S) -> bool:
    """Look four times a second until it holds. False: time is up."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.25)
    return bool(holds())


@contextmanager
def running() -> Iterator[FaultCloud]:
    """Stubs, proxy and cloud, up; and down again whatever happens."""
    with ExitStack() as stack:
        vision, embeddings = Vision(), VoyageStub()
        stubs = stack.enter_context(serving(vision, embeddings))
        proxy = FaultProxy(port=PROXY_PORT, cloud=PORT, providers=int(stubs.rpartition(":")[2]))
        stack.enter_context(proxy)
        stack.callback(deployment.run, "down")
        owner_url = deployment.run("up", str(PORT), proxy.url, sdk_endpoint=proxy.url).split()[-1]
        cloud = FaultCloud(owner_url, proxy, vision, embeddings)
        cloud.give_keys()
        cloud.shorten_the_clock()
        cloud.quieten_realtime()
        cloud.wipe()
        yield cloud
        for person in cloud.people:
            person.api.close()
