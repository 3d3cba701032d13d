"""Provider keys: SecureStrings under `/collections/{environment}/` in SSM Parameter Store, read by path and kept.

They are in no environment variable, no template and no log.
"""

from collections.abc import Callable
from time import monotonic
from typing import Any

from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as EndpointError

from app.platform.errors import PermanentFailure, Unavailable
from app.platform.logs import logger

# What is missing is looked for again after so long, and what may change at any time is looked at again.
_LOOK_AGAIN_S = 60
_PASSING = {"ThrottlingException", "InternalServerError", "ServiceUnavailable", "RequestLimitExceeded"}


class Parameters:
    """This environment's parameters, through a boto3 SSM client. All of them cost one read per cold start."""

    def __init__(self, client: Any, *, environment: str, clock: Callable[[], float] = monotonic) -> None:
        self._client = client
        self._path = f"/collections/{environment}/"
        self._clock = clock
        self._values: dict[str, str] | None = None
        self._looked_at = 0.0

    def name_of(self, name: str) -> str:
        """Where a parameter is, for people who have to put it there."""
        return f"{self._path}{name}"

    def get(self, name: str) -> str:
        """A parameter's value. What is missing is looked for again: it works a minute after somebody has put it there.

        Raises:
            PermanentFailure: `provider_not_configured`, naming the parameter.
            Unavailable: SSM does not answer.
        """
        value = self.find(name)
        if not value and self._is_old():
            self._values = self._read()
            value = self.find(name)
        if not value:
            raise PermanentFailure("provider_not_configured", f"The parameter {self.name_of(name)} is missing.")
        return value

    def find(self, name: str) -> str | None:
        """A parameter that nobody needs to have. It is looked for once: what is added counts from the next cold start.

        Raises:
            Unavailable: SSM does not answer.
        """
        if self._values is None:
            self._values = self._read()
        return self._values.get(name, "").strip() or None

    def current(self, name: str) -> str | None:
        """A parameter as it was a minute ago at most. While SSM does not answer, what was read last holds.

        Raises:
            Unavailable: SSM did not answer even once.
        """
        if self._values is not None and self._is_old():
            try:
                self._values = self._read()
            except Unavailable as exc:
                logger.warning("parameters are not renewed", reason=exc.detail)
        return self.find(name)

    def is_there(self, name: str) -> bool:
        """Whether there is such a parameter at this moment, for whoever checks a deployment. Raises Unavailable."""
        self._values = self._read()
        return self.find(name) is not None

    def forget(self) -> None:
        """Read again at the next need: a key was refused, and may have been replaced since it was read."""
        self._values = None

    def _is_old(self) -> bool:
        return self._clock() - self._looked_at >= _LOOK_AGAIN_S

    def _read(self) -> dict[str, str]:
        self._looked_at = self._clock()
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
