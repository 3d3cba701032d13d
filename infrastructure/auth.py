"""Who people are: a Cognito user pool, and the one client that signs them in."""

from aws_cdk import Duration
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infrastructure.clouds import Cloud
from infrastructure.hosts import issuer
from infrastructure.nag import accept
from infrastructure.permissions import allow


class Auth(Construct):
    def __init__(self, scope: Construct, construct_id: str, *, cloud: Cloud, web_url: str) -> None:
        super().__init__(scope, construct_id)
        self.user_pool = self._user_pool(cloud)
        prefix = cloud.hosts.sign_in_prefix(cloud.environment)
        self.user_pool.add_domain("SignIn", cognito_domain=cognito.CognitoDomainOptions(domain_prefix=prefix))
        self.client = self._web_client(web_url)
        self.issuer = issuer(self.user_pool.user_pool_id)
        self.sign_in_url = cloud.hosts.sign_in_url(prefix)
        self.settings = {
            "COGNITO_ISSUER": self.issuer,
            "COGNITO_CLIENT_ID": self.client.user_pool_client_id,
            "COGNITO_JWKS_URL": cloud.hosts.jwks_url(self.user_pool.user_pool_id),
        }

    def allow(self, function: lambda_.Function, *actions: str) -> None:
        """Let a function look at users, or do something to them, by their id."""
        function.add_environment("COGNITO_USER_POOL_ID", self.user_pool.user_pool_id)
        allow(function, *actions, on=[self.user_pool.user_pool_arn])

    def _user_pool(self, cloud: Cloud) -> cognito.UserPool:
        pool = cognito.UserPool(
            self,
            "UserPool",
            self_sign_up_enabled=True,
            sign_in_aliases=cognito.SignInAliases(email=True),
            sign_in_case_sensitive=False,
            auto_verify=cognito.AutoVerifiedAttrs(email=True),
            standard_attributes=cognito.StandardAttributes(email=cognito.StandardAttribute(required=True)),
            keep_original=cognito.KeepOriginalAttrs(email=True),
            user_verification=cognito.UserVerificationConfig(email_style=cognito.VerificationEmailStyle.CODE),
            account_recovery=cognito.AccountRecovery.EMAIL_ONLY,
            # Length over composition, as NIST SP 800-63B asks.
            password_policy=cognito.PasswordPolicy(
                min_length=12,
                require_digits=False,
                require_lowercase=False,
                require_uppercase=False,
                require_symbols=False,
            ),
            deletion_protection=cloud.deletion_protection,
            removal_policy=cloud.removal_policy,
        )
        accept(pool, "Length over composition, as NIST SP 800-63B asks.", "AwsSolutions-COG1")
        accept(pool, "People who try this out at home do not own a second factor for it.", "AwsSolutions-COG2")
        accept(pool, "The Plus plan is billed per user.", "AwsSolutions-COG8")
        return pool

    def _web_client(self, web_url: str) -> cognito.UserPoolClient:
        """A public client: no secret a browser could keep, so the code grant is used with PKCE."""
        addresses = [web_url, f"{web_url}/"]
        return self.user_pool.add_client(
            "WebClient",
            generate_secret=False,
            auth_flows=cognito.AuthFlow(user_password=True, user_srp=True),
            o_auth=cognito.OAuthSettings(
                flows=cognito.OAuthFlows(authorization_code_grant=True),
                scopes=[cognito.OAuthScope.OPENID, cognito.OAuthScope.EMAIL, cognito.OAuthScope.PROFILE],
                callback_urls=addresses,
                logout_urls=addresses,
            ),
            supported_identity_providers=[cognito.UserPoolClientIdentityProvider.COGNITO],
            access_token_validity=Duration.hours(1),
            id_token_validity=Duration.hours(1),
            refresh_token_validity=Duration.days(30),
            prevent_user_existence_errors=True,
            enable_token_revocation=True,
        )
