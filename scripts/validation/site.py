"""The cloud under test, and the user that tests it: made for the occasion, gone with everything it stored."""

import secrets
import time
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from uuid import UUID

import httpx
from jose import jwt

from scripts import outputs, users
from scripts.outputs import CloudName
from scripts.users import Login

_LOOK_AGAIN_S = 0.5


class CheckFailed(Exception):
    """What was expected is not so; the message says what is, and what to do."""


class NotSignedIn(CheckFailed):
    """The step needs a token, and the step that gets one failed."""


@dataclass
class Site:
    """`deadline` is of `time.monotonic`: all steps together end by then."""

    cloud: CloudName
    found: dict[str, str]
    environment: str
    deadline: float
    login: Login = field(
        default_factory=lambda: Login(
            f"validation-{secrets.token_hex(6)}@users.example", f"Pass-{secrets.token_urlsafe(16)}-1"
        )
    )
    token: str = ""

    @property
    def is_local(self) -> bool:
        return "AwsEndpointUrl" in self.found

    @property
    def claims(self) -> dict[str, Any]:
        """What the token says; the API is what verifies it."""
        claims: dict[str, Any] = jwt.get_unverified_claims(self.signed_in())
        return claims

    @property
    def user_id(self) -> UUID:
        return UUID(self.claims["sub"])

    @cached_property
    def api(self) -> httpx.Client:
        headers = {"Authorization": f"Bearer {self.signed_in()}"}
        return httpx.Client(base_url=self.found["ApiUrl"], headers=headers, timeout=35)

    def signed_in(self) -> str:
        if not self.token:
            raise NotSignedIn("needs a token, and there is none")
        return self.token

    def client(self, service: str) -> Any:
        return outputs.client(service, self.found)

    def function(self, name: str) -> str:
        function = outputs.function_name(name, self.found)
        if function is None:
            raise CheckFailed(f"the outputs know no function {name}")
        return function

    def settled(self, item_id: str) -> dict[str, Any]:
        """The item once it is ready. Raises CheckFailed: it failed, or is not in time."""
        status = "not there"
        while time.monotonic() < self.deadline:
            item: dict[str, Any] = self.api.get(f"/items/{item_id}").raise_for_status().json()
            status = item["status"]
            if status == "ready":
                return item
            if status == "failed":
                raise CheckFailed(f"the item failed: {item['error']}")
            time.sleep(_LOOK_AGAIN_S)
        raise CheckFailed(f"the item is still {status}: see `make status CLOUD={self.cloud}` and `make dlq-list`")

    def leave(self) -> str:
        """Delete the user with everything of theirs, and see that nothing is left. Returns what was looked at.

        Raises:
            CheckFailed: something is left.
        """
        if not self.token:
            return self._remove_sign_in()
        job_id = self.api.delete("/me").raise_for_status().json()["job_id"]
        left = self._end_of(job_id)["left"]
        counts = {f"{store}.{kind}": count for store, kinds in left.items() for kind, count in kinds.items()}
        if remains := {name: count for name, count in counts.items() if count}:
            raise CheckFailed(f"of {self.login.email} there is left: {remains}")
        return f"account deleted; nothing left in {len(counts)} places"

    def _end_of(self, job_id: str) -> dict[str, Any]:
        # Beyond the deadline of the steps: what was made must go, whatever they took.
        deadline = max(self.deadline, time.monotonic()) + 60
        while time.monotonic() < deadline:
            job = self.api.get(f"/jobs/{job_id}").raise_for_status().json()
            if job["status"] == "done":
                result: dict[str, Any] = job["result"]
                return result
            if job["status"] == "failed":
                raise CheckFailed(f"the account's deletion failed: {job['error']}")
            time.sleep(_LOOK_AGAIN_S)
        raise CheckFailed(f"the account's deletion is still under way: GET /jobs/{job_id}")

    def _remove_sign_in(self) -> str:
        if not any(users.users_of(self.found, email=self.login.email)):
            return "nothing was made"
        pool = self.found["CognitoUserPoolId"]
        self.client("cognito-idp").admin_delete_user(UserPoolId=pool, Username=self.login.email)
        return "sign-in deleted; it had stored nothing"
