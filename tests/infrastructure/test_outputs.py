"""What the stack tells of itself."""

import re

from tests.infrastructure.synthesized import Synthesized

FUNCTIONS = ("Api", "ImageProcessor", "Analyzer", "Embedder", "Cleanup", "Migrate", "Smoke", "Realtime", "Jobs", "Chat")
STAGES = ("ImageProcessor", "Analyzer", "Embedder", "Jobs")
EXPECTED = {
    "Cloud",
    "Region",
    "ApiUrl",
    "WebSocketUrl",
    "WebUrl",
    "CognitoUserPoolId",
    "CognitoClientId",
    "CognitoDomain",
    "BucketName",
    "WebBucketName",
    "DistributionId",
    "RdsEndpoint",
    *(f"{name}FunctionName" for name in FUNCTIONS),
    *(f"{name}QueueUrl" for name in STAGES),
    *(f"{name}DlqUrl" for name in STAGES),
}


def test_both_clouds_tell_the_same_things(aws: Synthesized, local: Synthesized) -> None:
    assert set(aws.outputs) == EXPECTED
    assert set(local.outputs) == EXPECTED | {"AwsEndpointUrl"}


def test_outputs_are_no_exports(either: Synthesized) -> None:
    assert not [key for key, output in either.template["Outputs"].items() if "Export" in output]


def test_outputs_hold_no_secret(either: Synthesized) -> None:
    for key, value in either.outputs.items():
        assert not re.search(r"secret|password|@", value, re.IGNORECASE), key


def test_addresses_on_aws_are_encrypted(aws: Synthesized) -> None:
    outputs = aws.outputs

    assert outputs["ApiUrl"].startswith("https://")
    assert outputs["WebSocketUrl"].startswith("wss://")
    assert outputs["WebSocketUrl"].endswith(".execute-api.eu-central-1.amazonaws.com/live")
    assert outputs["WebUrl"].startswith("https://")
    assert outputs["CognitoDomain"] == "https://collections-test-123456789012.auth.eu-central-1.amazoncognito.com"


def test_local_addresses_are_paths_on_the_one_port(local: Synthesized) -> None:
    outputs = local.outputs

    assert outputs["AwsEndpointUrl"] == "http://127.0.0.1:4566"
    assert re.fullmatch(r"http://127\.0\.0\.1:4566/_aws/execute-api/<\w+>", outputs["ApiUrl"])
    assert re.fullmatch(r"ws://127\.0\.0\.1:4566/_aws/execute-api/<\w+>/live", outputs["WebSocketUrl"])
    assert re.fullmatch(r"http://<\w+\.cloudfront\.localhost:4566", outputs["WebUrl"].replace(">", ""))
