"""Every `*` that a role is granted, with its reason. tests/infrastructure/test_permissions.py fails for any other."""

from dataclasses import dataclass

_BUCKET = r"<\w+\.Arn>"
_ANY = r"\*"
_REGION_AND_ACCOUNT = r"[\w-]+:\d+"


@dataclass(frozen=True, slots=True)
class Wildcard:
    """Actions that may be granted on resources of this form.

    Args:
        resource: regular expression of a whole ARN, as `Synthesized.text` writes it: `<LogicalId.Arn>/*`.
    """

    resource: str
    actions: frozenset[str]
    reason: str


TRACES = Wildcard(
    _ANY,
    frozenset({"xray:PutTelemetryRecords", "xray:PutTraceSegments"}),
    "X-Ray knows no resource-level permissions.",
)
NETWORK_INTERFACES = Wildcard(
    _ANY,
    frozenset(
        {
            "ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets",
            "ec2:DeleteNetworkInterface", "ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses",
        }
    ),
    "Lambda asks for these on everything before it puts a function into a VPC; the function's own code is denied them.",
)  # fmt: skip
KINDS_OF_OBJECTS = Wildcard(
    rf"{_BUCKET}/\*/(images|display|thumbnails|exports)/\*",
    frozenset({"s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:PutObjectTagging"}),
    "Keys begin with the user's id: the application narrows to one user, the policy to kinds of objects.",
)
EVERYTHING_OF_A_USER = Wildcard(
    rf"{_BUCKET}/\*",
    frozenset({"s3:DeleteObject", "s3:DeleteObjectVersion", "s3:AbortMultipartUpload"}),
    "A user who has left leaves nothing, whoever named it; nothing can be read this way.",
)
CHECKPOINTS = Wildcard(
    rf"{_BUCKET}/checkpoints/\*",
    frozenset({"s3:GetObject", "s3:PutObject", "s3:PutObjectTagging", "s3:DeleteObject"}),
    "Conversations come and go; all of this prefix is its own.",
)
PARAMETERS = Wildcard(
    rf"arn:aws:ssm:{_REGION_AND_ACCOUNT}:parameter/collections/[a-z0-9-]+/\*",
    frozenset({"ssm:GetParametersByPath"}),
    "Read by path: all of this environment's parameters, and no other's.",
)
CONNECTIONS = Wildcard(
    rf"arn:aws:execute-api:{_REGION_AND_ACCOUNT}:<\w+>/live/\*/@connections/\*",
    frozenset({"execute-api:ManageConnections"}),
    "Connections come and go; all of this API's are its own.",
)
CLAUDE_ON_BEDROCK = Wildcard(
    r"arn:aws:bedrock:\*:(:foundation-model/anthropic\.\*|\d+:inference-profile/\*\.anthropic\.\*)",
    frozenset({"bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"}),
    "Any Claude model, from wherever a profile finds room.",
)

ALL = (
    TRACES, NETWORK_INTERFACES, KINDS_OF_OBJECTS, EVERYTHING_OF_A_USER, CHECKPOINTS, PARAMETERS, CONNECTIONS,
    CLAUDE_ON_BEDROCK,
)  # fmt: skip
