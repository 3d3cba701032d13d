"""The schema is migrated by the deployment, before any code that needs it serves."""

from hashlib import sha256

from aws_cdk import CustomResource, Duration
from constructs import Construct, IDependable

from app.platform import concurrency
from infrastructure.clouds import ROOT, Cloud
from infrastructure.database import Database
from infrastructure.python_function import PythonFunction

SQL = ROOT / "app" / "platform" / "migrations"
TIMEOUT_S = 300


class Migrations(Construct):
    """The function answers CloudFormation itself: the CDK's provider framework would add three Lambdas in Node."""

    def __init__(
        self, scope: Construct, construct_id: str, *, cloud: Cloud, database: Database, deployment: str
    ) -> None:
        super().__init__(scope, construct_id)
        self.function = PythonFunction(
            self, "Migrate", cloud=cloud, bundle="migrate", timeout_s=TIMEOUT_S, memory_mb=512
        )
        # It answers CloudFormation itself, also when it fails: a second try would answer again.
        self.function.configure_async_invoke(retry_attempts=0)
        database.connect_admin(self.function)
        self._run = CustomResource(
            self,
            "Run",
            resource_type="Custom::Migrations",
            service_token=self.function.function_arn,
            service_timeout=Duration.seconds(TIMEOUT_S + 30),
            # A deployment always asks, and so mends what was done by hand. Other SQL or other limits ask too, should
            # somebody deploy without naming the deployment.
            properties={"fingerprint": fingerprint(), "deployment": deployment},
        )
        # Its permissions first: the call comes the moment the function exists.
        self._run.node.add_dependency(self.function)

    def run_before(self, *functions: Construct) -> None:
        done: IDependable = self._run
        for function in functions:
            function.node.add_dependency(done)


def fingerprint() -> str:
    """sha256 over the names and texts of all migrations, in order, and what the roles may hold."""
    digest = sha256(repr((sorted(concurrency.role_limits().items()), concurrency.IDLE_SECONDS)).encode())
    for path in sorted(SQL.glob("*.sql")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()
