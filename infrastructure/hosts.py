"""The forms that addresses take, on AWS and on the local cloud."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from aws_cdk import Aws, Fn
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from aws_cdk import aws_s3 as s3

from infrastructure.nag import accept

LOCAL_ENDPOINT = "http://127.0.0.1:4566"


class Hosts(Protocol):
    """Arguments and answers may be CDK tokens."""

    @property
    def endpoint(self) -> str | None:
        """Where the AWS SDKs must be pointed, or None where their own default is right."""
        ...

    def api_url(self, api_id: str) -> str: ...

    def api_origin(self, api_id: str) -> cloudfront.IOrigin: ...

    def answer_preflights(self, api: apigatewayv2.CfnApi, cors: Mapping[str, object]) -> None: ...

    def websocket_url(self, api_id: str, stage: str) -> str: ...

    def websocket_callback_url(self, api_id: str, stage: str) -> str: ...

    def web_url(self, distribution: cloudfront.IDistribution) -> str: ...

    def jwks_url(self, user_pool_id: str) -> str: ...

    def sign_in_prefix(self, environment: str) -> str:
        """The hosted login's domain prefix: unique in its region."""
        ...

    def sign_in_url(self, prefix: str) -> str: ...

    def cognito_url(self) -> str:
        """Where a browser calls Cognito's own API."""
        ...

    def bucket_urls(self, bucket: s3.IBucket) -> list[str]:
        """The origins that presigned URLs of this bucket can have."""
        ...


class AwsHosts:
    endpoint = None

    def api_url(self, api_id: str) -> str:
        return f"https://{self._api_domain(api_id)}"

    def api_origin(self, api_id: str) -> cloudfront.IOrigin:
        return origins.HttpOrigin(self._api_domain(api_id))

    def answer_preflights(self, api: apigatewayv2.CfnApi, cors: Mapping[str, object]) -> None:
        api.add_property_override("CorsConfiguration", cors)

    def websocket_url(self, api_id: str, stage: str) -> str:
        return f"wss://{self._api_domain(api_id)}/{stage}"

    def websocket_callback_url(self, api_id: str, stage: str) -> str:
        return f"https://{self._api_domain(api_id)}/{stage}"

    def web_url(self, distribution: cloudfront.IDistribution) -> str:
        return f"https://{distribution.distribution_domain_name}"

    def jwks_url(self, user_pool_id: str) -> str:
        return f"{issuer(user_pool_id)}/.well-known/jwks.json"

    def sign_in_prefix(self, environment: str) -> str:
        return Fn.join("-", ["collections", environment, Aws.ACCOUNT_ID])

    def sign_in_url(self, prefix: str) -> str:
        return f"https://{prefix}.auth.{Aws.REGION}.amazoncognito.com"

    def cognito_url(self) -> str:
        return f"https://cognito-idp.{Aws.REGION}.amazonaws.com"

    def bucket_urls(self, bucket: s3.IBucket) -> list[str]:
        domains = (bucket.bucket_regional_domain_name, bucket.bucket_dual_stack_domain_name, bucket.bucket_domain_name)
        return [f"https://{domain}" for domain in domains]

    @staticmethod
    def _api_domain(api_id: str) -> str:
        return f"{api_id}.execute-api.{Aws.REGION}.{Aws.URL_SUFFIX}"


@dataclass(frozen=True)
class LocalHosts:
    """One port serves everything. Path forms, because `*.localhost` resolves in browsers but not in Python."""

    endpoint: str = LOCAL_ENDPOINT

    def api_url(self, api_id: str) -> str:
        # The $default stage has no segment of its own, as on AWS.
        return f"{self.endpoint}{self._api_path(api_id)}"

    def api_origin(self, api_id: str) -> cloudfront.IOrigin:
        return origins.HttpOrigin(
            self._host,
            origin_path=self._api_path(api_id),
            protocol_policy=cloudfront.OriginProtocolPolicy.HTTP_ONLY,
            http_port=self._port,
        )

    def answer_preflights(self, api: apigatewayv2.CfnApi, cors: Mapping[str, object]) -> None:
        spelled = {f"{key[0].lower()}{key[1:]}": value for key, value in cors.items()}
        api.add_property_override("CorsConfiguration", spelled)
        accept(
            api,
            "The emulator hands the property on as it stands, and its gateway reads the service's own spelling.",
            "CloudFormation-Validate::F3002",
        )

    def websocket_url(self, api_id: str, stage: str) -> str:
        return f"ws://{self._host}:{self._port}{self._api_path(api_id)}/{stage}"

    def websocket_callback_url(self, api_id: str, stage: str) -> str:
        return f"{self.endpoint}{self._api_path(api_id)}/{stage}"

    def web_url(self, distribution: cloudfront.IDistribution) -> str:
        label = Fn.select(0, Fn.split(".", distribution.distribution_domain_name))
        return f"http://{label}.cloudfront.localhost:{self._port}"

    def jwks_url(self, user_pool_id: str) -> str:
        return f"{self.endpoint}/{user_pool_id}/.well-known/jwks.json"

    def sign_in_prefix(self, environment: str) -> str:
        return f"collections-{environment}"

    def sign_in_url(self, prefix: str) -> str:
        # The emulator serves every pool's login at its root and tells pools apart by the client id.
        return self.endpoint

    def cognito_url(self) -> str:
        return self.endpoint

    def bucket_urls(self, bucket: s3.IBucket) -> list[str]:
        return [self.endpoint]

    @staticmethod
    def _api_path(api_id: str) -> str:
        return f"/_aws/execute-api/{api_id}"

    @property
    def _host(self) -> str:
        return urlsplit(self.endpoint).hostname or "127.0.0.1"

    @property
    def _port(self) -> int:
        return urlsplit(self.endpoint).port or 80


def issuer(user_pool_id: str) -> str:
    """The `iss` of the pool's tokens: the same form on both clouds."""
    return f"https://cognito-idp.{Aws.REGION}.amazonaws.com/{user_pool_id}"
