"""A synthesized stack, to be asked about what matters and never about generated ids."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aws_cdk import App, Stack, Validations
from cdk_nag import AwsSolutionsChecks

from infrastructure.app import collections_stack
from infrastructure.clouds import ROOT

BUNDLES = ("api", "image_processor", "analyzer", "embedder", "cleanup", "migrate", "realtime", "jobs", "chat", "smoke")
STAGES = ("image_processor", "analyzer", "embedder")
# Whoever takes messages from a queue.
WORKERS = (*STAGES, "jobs")
LOCAL_DATABASE = "postgresql://owner@/collections?host=/run/collections/postgres"
PSEUDO_PARAMETERS = {
    "AWS::AccountId": "123456789012",
    "AWS::Partition": "aws",
    "AWS::Region": "eu-central-1",
    "AWS::URLSuffix": "amazonaws.com",
}

Resource = Mapping[str, Any]


@dataclass(frozen=True)
class Synthesized:
    template: Mapping[str, Any]
    violations: list[str]

    @property
    def outputs(self) -> dict[str, str]:
        return {key: self.text(output["Value"]) for key, output in self.template["Outputs"].items()}

    def all_of(self, resource_type: str) -> dict[str, Resource]:
        return {
            logical_id: resource
            for logical_id, resource in self.template["Resources"].items()
            if resource["Type"] == resource_type
        }

    def properties_of(self, resource_type: str) -> list[Mapping[str, Any]]:
        return [resource["Properties"] for resource in self.all_of(resource_type).values()]

    def functions(self) -> dict[str, tuple[str, Resource]]:
        """Logical id and resource of each function, by the name of its bundle."""
        return {
            resource["Properties"]["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"]: (logical_id, resource)
            for logical_id, resource in self.all_of("AWS::Lambda::Function").items()
        }

    def environment(self, bundle: str) -> dict[str, str]:
        _, function = self.functions()[bundle]
        return {name: self.text(value) for name, value in function["Properties"]["Environment"]["Variables"].items()}

    def statements(self, bundle: str) -> list[Mapping[str, Any]]:
        """What the function's role allows."""
        _, function = self.functions()[bundle]
        role = function["Properties"]["Role"]["Fn::GetAtt"][0]
        return [
            statement
            for policy in self.properties_of("AWS::IAM::Policy")
            if {"Ref": role} in policy["Roles"]
            for statement in policy["PolicyDocument"]["Statement"]
        ]

    def stage_queue(self, bundle: str) -> Mapping[str, Any]:
        """The queue that feeds a stage."""
        return self.template["Resources"][self.mapping(bundle)["EventSourceArn"]["Fn::GetAtt"][0]]["Properties"]

    def mapping(self, bundle: str) -> Mapping[str, Any]:
        logical_id, _ = self.functions()[bundle]
        (found,) = (
            mapping
            for mapping in self.properties_of("AWS::Lambda::EventSourceMapping")
            if mapping["FunctionName"] == {"Ref": logical_id}
        )
        return found

    def text(self, value: Any) -> str:
        """A value as a string, its intrinsic functions replaced by what they could come to."""
        match value:
            case {"Ref": name}:
                return PSEUDO_PARAMETERS.get(name, f"<{name}>")
            case {"Fn::GetAtt": [name, attribute]}:
                return f"<{name}.{attribute}>"
            case {"Fn::Join": [separator, parts]}:
                return separator.join(self.text(part) for part in parts)
            case {"Fn::Select": [index, {"Fn::Split": [separator, whole]}]}:
                return self.text(whole).split(separator)[int(index)]
            case str() | int():
                return str(value)
            case _:
                raise TypeError(f"not a text: {value!r}")


def make_bundles(root: Path) -> Path:
    for bundle in BUNDLES:
        folder = root / bundle
        folder.mkdir(parents=True)
        (folder / "handler.py").write_text("def handler(event, context):\n    return {}\n")
    return root


def app_for(outdir: Path, **context: str) -> App:
    flags = json.loads((ROOT / "cdk.json").read_text())["context"]
    return App(outdir=str(outdir), context={**flags, **context})


def synthesize(outdir: Path, **context: str) -> Synthesized:
    app = app_for(outdir, **context)
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    stack = collections_stack(app)
    return Synthesized(template=_template(app, stack, outdir), violations=audit(outdir))


def audit(outdir: Path) -> list[str]:
    """What the validation plugins (cdk-nag, and the CDK's own) object to, as `rule: construct`."""
    report = outdir / "validation-report.json"
    if not report.exists():
        return []
    return [
        f"{violation['ruleName']}: {construct['constructPath']}"
        for plugin in json.loads(report.read_text())["pluginReports"]
        for violation in plugin["violations"]
        for construct in violation["violatingConstructs"]
    ]


def _template(app: App, stack: Stack, outdir: Path) -> Mapping[str, Any]:
    try:
        app.synth()
    except RuntimeError as exc:
        # Findings fail the synthesis after the template is written: the tests name them.
        if "ValidationFailed" not in str(exc):
            raise
    return json.loads((outdir / stack.template_file).read_text())
