"""What must not be lost, and what must not be read."""

import pytest

from app.account.s3 import EXPORT_TAG
from tests.infrastructure.synthesized import Synthesized

STATEFUL = (
    "AWS::S3::Bucket",
    "AWS::DynamoDB::Table",
    "AWS::Cognito::UserPool",
    "AWS::RDS::DBInstance",
)


def test_data_outlives_the_stack_on_aws(aws: Synthesized) -> None:
    policies = {
        logical_id: (resource["DeletionPolicy"], resource["UpdateReplacePolicy"])
        for resource_type in STATEFUL
        for logical_id, resource in aws.all_of(resource_type).items()
    }

    assert len(policies) == 8
    assert set(policies.values()) == {("Retain", "Retain")}


def test_data_goes_with_the_local_stack(local: Synthesized) -> None:
    policies = [r["DeletionPolicy"] for kind in STATEFUL for r in local.all_of(kind).values()]

    assert set(policies) == {"Delete"}


def test_tables_and_people_are_protected_on_aws_only(aws: Synthesized, local: Synthesized) -> None:
    assert {t["DeletionProtectionEnabled"] for t in aws.properties_of("AWS::DynamoDB::Table")} == {True}
    assert {p["DeletionProtection"] for p in aws.properties_of("AWS::Cognito::UserPool")} == {"ACTIVE"}
    assert {t["DeletionProtectionEnabled"] for t in local.properties_of("AWS::DynamoDB::Table")} == {False}
    assert {p["DeletionProtection"] for p in local.properties_of("AWS::Cognito::UserPool")} == {"INACTIVE"}


def test_the_database_is_encrypted_protected_and_backed_up(aws: Synthesized) -> None:
    (database,) = aws.properties_of("AWS::RDS::DBInstance")

    assert database["StorageEncrypted"] is True
    assert database["DeletionProtection"] is True
    assert database["BackupRetentionPeriod"] == 7
    assert database["StorageType"] == "gp3"
    assert database["DBInstanceClass"] == "db.t4g.micro"
    assert database["EngineVersion"].startswith("17.")


def test_the_database_takes_iam_tokens_over_tls_and_nothing_else(aws: Synthesized) -> None:
    (database,) = aws.properties_of("AWS::RDS::DBInstance")
    (parameters,) = aws.properties_of("AWS::RDS::DBParameterGroup")

    assert database["EnableIAMDatabaseAuthentication"] is True
    assert parameters["Parameters"]["rds.force_ssl"] == "1"
    for bundle in ("api", "image_processor", "analyzer", "embedder", "cleanup", "realtime", "jobs"):
        environment = aws.environment(bundle)
        assert environment["DATABASE_IAM_AUTH"] == "true"
        assert "sslmode=verify-full&sslrootcert=/var/task/app/platform/rds-ca.pem" in environment["DATABASE_URL"]


def test_only_cleanup_signs_in_as_the_cleaner(either: Synthesized) -> None:
    users = {
        bundle: either.environment(bundle)["DATABASE_URL"].removeprefix("postgresql://").partition("@")[0]
        for bundle in either.functions()
        if "DATABASE_URL" in either.environment(bundle)
    }

    assert users.pop("cleanup") == "collections_cleanup"
    assert set(users.values()) == {"collections_app"}


def test_a_function_may_connect_only_as_its_own_role(aws: Synthesized) -> None:
    for bundle, role in {"api": "collections_app", "cleanup": "collections_cleanup"}.items():
        granted = [s for s in aws.statements(bundle) if s["Action"] == "rds-db:connect"]

        assert [aws.text(s["Resource"]).rpartition("/")[2] for s in granted] == [role]


def test_the_local_database_is_the_given_one(local: Synthesized) -> None:
    environment = local.environment("api")

    assert environment["DATABASE_URL"] == "postgresql://collections_app@/collections?host=/run/collections/postgres"
    assert environment["DATABASE_IAM_AUTH"] == "false"
    assert local.outputs["RdsEndpoint"] == "/run/collections/postgres"
    assert not [r for r in local.template["Resources"].values() if r["Type"].startswith(("AWS::RDS", "AWS::EC2"))]


def test_every_table_forgets(either: Synthesized) -> None:
    tables = either.properties_of("AWS::DynamoDB::Table")

    assert len(tables) == 4
    for table in tables:
        assert table["TimeToLiveSpecification"] == {"AttributeName": "ttl", "Enabled": True}
        assert table["BillingMode"] == "PAY_PER_REQUEST"


def test_sessions_can_be_listed_by_activity_and_connections_by_user(either: Synthesized) -> None:
    indexes = {
        index["IndexName"]: [key["AttributeName"] for key in index["KeySchema"]]
        for table in either.properties_of("AWS::DynamoDB::Table")
        for index in table.get("GlobalSecondaryIndexes", [])
    }

    assert indexes == {
        "user_id-last_activity-index": ["user_id", "last_activity"],
        "user_id-index": ["user_id"],
    }


def test_buckets_are_private_and_encrypted(either: Synthesized) -> None:
    for bucket in either.properties_of("AWS::S3::Bucket"):
        (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}


def test_exports_and_uploads_that_stopped_do_not_stay(either: Synthesized) -> None:
    (rules,) = [
        bucket["LifecycleConfiguration"]["Rules"]
        for bucket in either.properties_of("AWS::S3::Bucket")
        if "NotificationConfiguration" in bucket
    ]

    key, value = EXPORT_TAG
    exports = {"ExpirationInDays": 4, "Status": "Enabled", "TagFilters": [{"Key": key, "Value": value}]}
    assert any(exports.items() <= rule.items() for rule in rules)
    assert {"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}, "Status": "Enabled"} in rules


def test_old_versions_of_objects_are_kept_as_long_as_the_database_s_backups(aws: Synthesized) -> None:
    (database,) = aws.properties_of("AWS::RDS::DBInstance")
    buckets = aws.properties_of("AWS::S3::Bucket")

    assert [bucket["VersioningConfiguration"] for bucket in buckets] == [{"Status": "Enabled"}] * 2
    for bucket in buckets:
        rules = bucket["LifecycleConfiguration"]["Rules"]
        (general,) = [rule for rule in rules if rule.get("ExpiredObjectDeleteMarker")]
        assert general["NoncurrentVersionExpiration"] == {"NoncurrentDays": database["BackupRetentionPeriod"]}
        # What expires by itself leaves no version behind for longer than a day.
        expiring = [rule for rule in rules if "ExpirationInDays" in rule]
        assert {rule["NoncurrentVersionExpiration"]["NoncurrentDays"] for rule in expiring} <= {1}


def test_the_emulator_which_forgets_nothing_keeps_no_versions(local: Synthesized) -> None:
    assert not [b for b in local.properties_of("AWS::S3::Bucket") if "VersioningConfiguration" in b]


def test_queues_are_encrypted(either: Synthesized) -> None:
    assert {queue["SqsManagedSseEnabled"] for queue in either.properties_of("AWS::SQS::Queue")} == {True}


@pytest.mark.parametrize(
    ("resource_type", "policy_type", "attribute"),
    [("AWS::S3::Bucket", "AWS::S3::BucketPolicy", "Bucket"), ("AWS::SQS::Queue", "AWS::SQS::QueuePolicy", "Queues")],
)
def test_plain_http_is_refused(aws: Synthesized, resource_type: str, policy_type: str, attribute: str) -> None:
    refusing = set()
    for policy in aws.properties_of(policy_type):
        targets = policy[attribute] if isinstance(policy[attribute], list) else [policy[attribute]]
        for statement in policy["PolicyDocument"]["Statement"]:
            if statement["Effect"] == "Deny" and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}:
                refusing |= {target["Ref"] for target in targets}

    assert refusing == set(aws.all_of(resource_type))
