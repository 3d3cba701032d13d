"""The CDK app: context in, one stack out.

`-c cloud=aws|local` (aws) · `-c env=dev` · `-c bundles=DIR` · `-c analysis_provider=…` · `-c embedding_provider=…` ·
on AWS `-c alarm_email=…` · locally `-c database_url=… -c database_admin_url=… -c endpoint=http://127.0.0.1:4566`
and `-c assets_bucket=…`, a bucket that is there before the deployment.
"""

from aws_cdk import App

from infrastructure.clouds import chosen_cloud
from infrastructure.stack import CollectionsStack


def collections_stack(app: App) -> CollectionsStack:
    cloud = chosen_cloud(app.node)
    return CollectionsStack(app, "CollectionsStack", cloud=cloud)


if __name__ == "__main__":
    app = App()
    collections_stack(app)
    app.synth()
