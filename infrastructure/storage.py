"""The images, and the built front end."""

from collections.abc import Sequence
from typing import Literal

from aws_cdk import Duration
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from constructs import Construct

from app.account.s3 import EXPORT_TAG
from infrastructure import wildcards
from infrastructure.clouds import BACKUP_DAYS, Cloud
from infrastructure.nag import accept
from infrastructure.permissions import allow

# {user_id}/{kind}/…: originals start the pipeline, the next two come out of it, and exports are made by a job.
Kind = Literal["images", "display", "thumbnails", "exports"]
# Nobody's images: `app.chat.checkpoints` has the same.
CHECKPOINTS = "checkpoints"
# Of an item.
EVERY_KIND: tuple[Kind, ...] = ("images", "display", "thumbnails")


class Storage(Construct):
    def __init__(self, scope: Construct, construct_id: str, *, cloud: Cloud) -> None:
        super().__init__(scope, construct_id)
        self.images = self._private_bucket("Images", cloud)
        self.images.add_cors_rule(
            allowed_methods=[s3.HttpMethods.GET, s3.HttpMethods.POST, s3.HttpMethods.PUT],
            # A presigned URL is the permission, and there are no cookies to abuse. The exact origin would close a
            # circle: bucket → web origin → its content security policy → bucket.
            allowed_origins=["*"],
            allowed_headers=["*"],
            exposed_headers=["ETag"],
            max_age=3600,
        )
        self.images.add_lifecycle_rule(abort_incomplete_multipart_upload_after=Duration.days(1))
        # Nobody wants the old versions of these two back.
        forgotten = Duration.days(1) if cloud.versioned else None
        # Cleanup removes them with their jobs, after three days; this is for the day it does not run.
        self.images.add_lifecycle_rule(
            tag_filters=dict([EXPORT_TAG]), expiration=Duration.days(4), noncurrent_version_expiration=forgotten
        )
        # langgraph-checkpoint-aws looks for the rule by this name, and would write one of its own.
        self.images.add_lifecycle_rule(
            id=f"{CHECKPOINTS}-ttl-expiration-1d",
            prefix=f"{CHECKPOINTS}/",
            expiration=Duration.days(1),
            noncurrent_version_expiration=forgotten,
        )
        _announce_objects(self.images)
        self.web = self._private_bucket("Web", cloud)

    def allow(
        self,
        function: lambda_.Function,
        *,
        read: Sequence[Kind] = (),
        write: Sequence[Kind] = (),
        delete: Sequence[Kind] = (),
    ) -> None:
        """Let a function work on kinds of objects, and see which there are (else S3 says 403 for a missing key)."""
        function.add_environment("BUCKET_NAME", self.images.bucket_name)
        allow(function, "s3:ListBucket", on=[self.images.bucket_arn])
        for action, kinds in {"s3:GetObject": read, "s3:PutObject": write, "s3:DeleteObject": delete}.items():
            resources = [self.images.arn_for_objects(f"*/{kind}/*") for kind in kinds]
            if resources:
                allow(function, action, on=resources, wildcard=wildcards.KINDS_OF_OBJECTS)

    def allow_checkpoints(self, function: lambda_.Function) -> None:
        """Let a function keep what of a conversation is too large for DynamoDB, and see that it expires."""
        allow(
            function,
            *("s3:GetObject", "s3:PutObject", "s3:PutObjectTagging", "s3:DeleteObject"),
            on=[self.images.arn_for_objects(f"{CHECKPOINTS}/*")],
            wildcard=wildcards.CHECKPOINTS,
        )
        allow(function, "s3:GetLifecycleConfiguration", on=[self.images.bucket_arn])

    def allow_tagging(self, function: lambda_.Function, kind: Kind) -> None:
        """Let a function say what an object is when it writes one, which the lifecycle goes by."""
        allow(function, "s3:PutObjectTagging", on=[self.images.arn_for_objects(f"*/{kind}/*")])

    def allow_emptying(self, function: lambda_.Function) -> None:
        """Let a function remove whatever is under a user's prefix, whoever named it, with all versions."""
        allow(function, "s3:ListBucketVersions", "s3:ListBucketMultipartUploads", on=[self.images.bucket_arn])
        allow(
            function,
            *("s3:DeleteObject", "s3:DeleteObjectVersion", "s3:AbortMultipartUpload"),
            on=[self.images.arn_for_objects("*")],
            wildcard=wildcards.EVERYTHING_OF_A_USER,
        )

    def _private_bucket(self, construct_id: str, cloud: Cloud) -> s3.Bucket:
        bucket = s3.Bucket(
            self,
            construct_id,
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=cloud.tls_only,
            versioned=cloud.versioned,
            removal_policy=cloud.removal_policy,
        )
        if cloud.versioned:
            # As long as the database can be put back: to that moment's rows belong that moment's objects. Somebody who
            # leaves takes all versions along (`allow_emptying`).
            bucket.add_lifecycle_rule(
                noncurrent_version_expiration=Duration.days(BACKUP_DAYS), expired_object_delete_marker=True
            )
        accept(
            bucket, "Who read what is CloudTrail's to record; a log bucket would double the objects.", "AwsSolutions-S1"
        )
        return bucket


def _announce_objects(bucket: s3.Bucket) -> None:
    """Publish every object to EventBridge; `event_bridge_enabled=True` would add a Lambda to flip this very switch."""
    resource = bucket.node.default_child
    assert isinstance(resource, s3.CfnBucket)
    resource.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
        event_bridge_configuration=s3.CfnBucket.EventBridgeConfigurationProperty(event_bridge_enabled=True)
    )
