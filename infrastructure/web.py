"""The web origin: the front end from a private bucket, and the same API under /api."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from aws_cdk import Duration
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from constructs import Construct

from infrastructure.api import HttpGateway
from infrastructure.clouds import Cloud
from infrastructure.nag import accept
from infrastructure.realtime import WebSocketGateway
from infrastructure.storage import Storage
from infrastructure.web_acl import WebAcl

EDGE_CODE = Path(__file__).parent / "cloudfront"
A_YEAR = Duration.days(365)


class Web(Construct):
    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        cloud: Cloud,
        storage: Storage,
        gateway: HttpGateway,
        live: WebSocketGateway,
    ) -> None:
        super().__init__(scope, construct_id)
        self._protocol = (
            cloudfront.ViewerProtocolPolicy.REDIRECT_TO_HTTPS
            if cloud.tls_only
            else cloudfront.ViewerProtocolPolicy.ALLOW_ALL
        )
        self._headers = self._security_headers(browser_policy(cloud, storage=storage, gateway=gateway, live=live))
        self.distribution = cloudfront.Distribution(
            self,
            "Distribution",
            default_root_object="index.html",
            default_behavior=self._front_end(storage),
            additional_behaviors={"/api/*": self._api(cloud, gateway)},
            http_version=cloudfront.HttpVersion.HTTP2_AND_3,
            price_class=cloudfront.PriceClass.PRICE_CLASS_100,
            web_acl_id=WebAcl(self, "WebAcl", cloud=cloud).arn if cloud.waf == "own" else cloud.waf,
        )
        self.url = cloud.hosts.web_url(self.distribution)
        accept(self.distribution, "Open to the world, as its sign-up is.", "AwsSolutions-CFR1")
        if cloud.waf is None:
            accept(self.distribution, "A third of what all of it costs; `-c waf=true` adds it.", "AwsSolutions-CFR2")
        accept(self.distribution, "The API keeps its own access log; the rest is static files.", "AwsSolutions-CFR3")
        accept(
            self.distribution,
            "The default certificate fixes the protocol list; a domain of one's own lifts this.",
            "AwsSolutions-CFR4",
        )

    def _front_end(self, storage: Storage) -> cloudfront.BehaviorOptions:
        # Cache times come with the objects: index.html and config.json are uploaded as no-cache.
        return cloudfront.BehaviorOptions(
            origin=origins.S3BucketOrigin.with_origin_access_control(storage.web),
            viewer_protocol_policy=self._protocol,
            cache_policy=cloudfront.CachePolicy.CACHING_OPTIMIZED,
            response_headers_policy=self._headers,
            function_associations=[self._on_request("RewriteToIndex", "rewrite_to_index.js")],
        )

    def _api(self, cloud: Cloud, gateway: HttpGateway) -> cloudfront.BehaviorOptions:
        return cloudfront.BehaviorOptions(
            origin=cloud.hosts.api_origin(gateway.api.api_id),
            viewer_protocol_policy=self._protocol,
            allowed_methods=cloudfront.AllowedMethods.ALLOW_ALL,
            cache_policy=cloudfront.CachePolicy.CACHING_DISABLED,
            origin_request_policy=cloudfront.OriginRequestPolicy.ALL_VIEWER_EXCEPT_HOST_HEADER,
            response_headers_policy=self._headers,
            function_associations=[self._on_request("StripApiPrefix", "strip_api_prefix.js")],
        )

    def _on_request(self, construct_id: str, file_name: str) -> cloudfront.FunctionAssociation:
        return cloudfront.FunctionAssociation(
            event_type=cloudfront.FunctionEventType.VIEWER_REQUEST,
            function=cloudfront.Function(
                self,
                construct_id,
                code=cloudfront.FunctionCode.from_inline((EDGE_CODE / file_name).read_text()),
                runtime=cloudfront.FunctionRuntime.JS_2_0,
            ),
        )

    def _security_headers(self, policy: str) -> cloudfront.ResponseHeadersPolicy:
        return cloudfront.ResponseHeadersPolicy(
            self,
            "SecurityHeaders",
            security_headers_behavior=cloudfront.ResponseSecurityHeadersBehavior(
                content_security_policy=cloudfront.ResponseHeadersContentSecurityPolicy(
                    content_security_policy=policy, override=True
                ),
                content_type_options=cloudfront.ResponseHeadersContentTypeOptions(override=True),
                frame_options=cloudfront.ResponseHeadersFrameOptions(
                    frame_option=cloudfront.HeadersFrameOption.DENY, override=True
                ),
                referrer_policy=cloudfront.ResponseHeadersReferrerPolicy(
                    referrer_policy=cloudfront.HeadersReferrerPolicy.SAME_ORIGIN, override=True
                ),
                strict_transport_security=cloudfront.ResponseHeadersStrictTransportSecurity(
                    access_control_max_age=A_YEAR, include_subdomains=True, override=True
                ),
            ),
        )


def browser_policy(cloud: Cloud, *, storage: Storage, gateway: HttpGateway, live: WebSocketGateway) -> str:
    """The Content-Security-Policy: our own code, our own images, and only the services it talks to."""
    hosts = cloud.hosts
    images = hosts.bucket_urls(storage.images)
    sign_in = hosts.sign_in_url(hosts.sign_in_prefix(cloud.environment))
    services = [gateway.url, live.url, hosts.cognito_url(), sign_in, *images]
    return content_security_policy(
        {
            "default-src": ["'self'"],
            "script-src": ["'self'"],
            "style-src": ["'self'"],
            "img-src": ["'self'", "blob:", "data:", *images],
            "connect-src": ["'self'", *services],
            "object-src": ["'none'"],
            "base-uri": ["'self'"],
            "form-action": ["'self'"],
            "frame-ancestors": ["'none'"],
        }
    )


def content_security_policy(directives: Mapping[str, Sequence[str]]) -> str:
    return "; ".join(" ".join([name, *dict.fromkeys(sources)]) for name, sources in directives.items())
