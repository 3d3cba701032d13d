"""Provider keys: SecureStrings under `/collections/{environment}/` in SSM Parameter Store, read by path and kept.

They are in no environment variable, no template and no log.
"""

from typing import Any

from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as EndpointError

from app.platform.errors import PermanentFailure, Unavailable

_PASSING = {"ThrottlingException", "InternalServerError", "ServiceUnavailable", "RequestLimitExceeded"}


class Parameters:
    """This environment's parameters, through a boto3 SSM client. All of them cost one read per cold start."""

    def __init__(self, client: Any, *, environment: str) -> None:
        self._client = client
        self._path = f"/collections/{environment}/"
        self._values: dict[str, str] | None = None

    def name_of(self, name: str) -> str:
        """Where a parameter is, for people who have to put it there."""
        return f"{self._path}{name}"

    def get(self, name: str) -> str:
        """A parameter's value. What is missing is looked for again: it works as soon as somebody has put it there.

        Raises:
            PermanentFailure: `provider_not_configured`, naming the parameter.
            Unavailable: SSM does not answer.
        """
        if self._values is None or name not in self._values:
            self._values = self._read()
        value = self._values.get(name, "").strip()
        if not value:
            self._values.pop(name, None)
            raise PermanentFailure("provider_not_configured", f"The parameter {self.name_of(name)} is missing.")
        return value

    def forget(self) -> None:
        """Read again at the next need: a key was refused, and may have been replaced since it was read."""
        self._values = None

    def _read(self) -> dict[str, str]:
        pages = self._client.get_paginator("get_parameters_by_path").paginate(
            Path=self._path, Recursive=True, WithDecryption=True
        )
        try:
            found = [parameter for page in pages for parameter in page["Parameters"]]
        except (EndpointError, HTTPClientError) as exc:
            raise Unavailable("The parameter store does not answer.") from exc
        except ClientError as exc:
            if exc.response["Error"]["Code"] in _PASSING:
                raise Unavailable("The parameter store does not answer.") from exc
            raise
        return {parameter["Name"].removeprefix(self._path): parameter["Value"] for parameter in found}


class Secret:
    """One parameter, asked for at every use: a key that was replaced is taken up without a new deployment."""

    def __init__(self, parameters: Parameters, name: str) -> None:
        self._parameters = parameters
        self._name = name

    def value(self) -> str:
        """Raises what `Parameters.get` raises."""
        return self._parameters.get(self._name)

    def refused(self) -> None:
        """The provider did not know this key."""
        self._parameters.forget()
