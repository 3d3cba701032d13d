"""The deployment's last step: what does not work makes CloudFormation put everything back as it was."""

from collections.abc import Iterable, Sequence

from aws_cdk import CustomResource, Duration
from constructs import Construct

from infrastructure.clouds import Cloud
from infrastructure.permissions import allow
from infrastructure.python_function import PythonFunction

TIMEOUT_S = 240


class Smoke(Construct):
    """Asks every function and the API. Outside any VPC: it sees the API as users do, and reaches no database."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        cloud: Cloud,
        api_url: str,
        workers: Sequence[PythonFunction],
        others: Sequence[PythonFunction],
        deployment: str,
    ) -> None:
        super().__init__(scope, construct_id)
        self.function = PythonFunction(self, "Smoke", cloud=cloud, bundle="smoke", timeout_s=TIMEOUT_S, memory_mb=256)
        # It answers CloudFormation itself, also when it fails: a second try would answer again.
        self.function.configure_async_invoke(retry_attempts=0)
        asked = [*workers, *others]
        allow(self.function, "lambda:InvokeFunction", on=[function.function_arn for function in asked])
        self._run = CustomResource(
            self,
            "Run",
            resource_type="Custom::Smoke",
            service_token=self.function.function_arn,
            service_timeout=Duration.seconds(TIMEOUT_S + 30),
            properties={
                "api_url": api_url,
                "functions": [function.function_name for function in asked],
                "workers": [function.function_name for function in workers],
                "deployment": deployment,
            },
        )
        self._run.node.add_dependency(self.function, *asked)

    def run_after(self, constructs: Iterable[Construct]) -> None:
        for construct in constructs:
            self._run.node.add_dependency(construct)
