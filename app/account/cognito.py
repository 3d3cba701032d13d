"""The directory of users: a Cognito user pool, through a boto3 client. A user is named by their `sub`."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as EndpointError

from app.account.models import Profile
from app.platform.errors import Unavailable

_BUSY = {"TooManyRequestsException", "InternalErrorException", "LimitExceededException"}


class UserDirectory:
    def __init__(self, client: Any, user_pool_id: str) -> None:
        self._client = client
        self._pool = user_pool_id

    def find(self, user_id: UUID) -> Profile | None:
        """Raises Unavailable: Cognito does not answer."""
        try:
            with _translated():
                user = self._client.admin_get_user(UserPoolId=self._pool, Username=str(user_id))
        except self._client.exceptions.UserNotFoundException:
            return None
        attributes = {attribute["Name"]: attribute["Value"] for attribute in user["UserAttributes"]}
        return Profile(email=attributes.get("email", ""), created_at=user["UserCreateDate"])

    def delete(self, user_id: UUID) -> None:
        """From now on nobody signs in as this user; who is not there counts as deleted."""
        try:
            with _translated():
                self._client.admin_delete_user(UserPoolId=self._pool, Username=str(user_id))
        except self._client.exceptions.UserNotFoundException:
            return


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except ClientError as exc:
        status = exc.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if status >= 500 or exc.response.get("Error", {}).get("Code") in _BUSY:
            raise Unavailable("The identity provider does not answer.") from exc
        raise
    except (EndpointError, HTTPClientError) as exc:
        raise Unavailable("The identity provider does not answer.") from exc
