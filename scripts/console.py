"""What the commands say to people: one console, one way to ask, one way to end badly."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from typer.core import TyperGroup

console = Console(highlight=False)
_STALE_CREDENTIALS = {
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
}


class _Commands(TyperGroup):
    def invoke(self, ctx: Any) -> Any:
        with explained():
            return super().invoke(ctx)


def commands() -> typer.Typer:
    """A group for commands whose foreseeable failures are told in one line: see `explained`."""
    return typer.Typer(cls=_Commands, add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)


def say(message: str) -> None:
    console.print(message, soft_wrap=True)


def fail(message: str) -> NoReturn:
    """Say what is wrong and what mends it, and end with a failure."""
    console.print(f"[bold red]✗[/] {message}", soft_wrap=True)
    raise typer.Exit(1)


def agree(question: str, *, yes: bool) -> None:
    """Ask before something is destroyed; end where the answer is no, or where nobody can answer."""
    if not yes and not typer.confirm(question):
        say("Nothing was changed.")
        raise typer.Exit(1)


@contextmanager
def bar(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """How far something is that takes a while; gone when it ends. Yields what is told how much more is done."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    # Where nobody looks on, an empty line would be left of it.
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(what, total=total)
        yield lambda count: progress.advance(task, count)


@contextmanager
def explained() -> Iterator[None]:
    """Tell what goes wrong for want of a prerequisite, and what mends it. Everything else escapes and is seen."""
    try:
        yield
    except Exception as exc:
        if (words := _explanation(exc)) is None:
            raise
        fail(words)


def _explanation(exc: Exception) -> str | None:
    # Imported here: a command that succeeds needs none of them.
    import httpx
    import psycopg
    from botocore import exceptions as aws

    match exc:
        case aws.NoCredentialsError() | aws.PartialCredentialsError() | aws.ProfileNotFound():
            return f"There are no AWS credentials ({_line(exc)}). Run `aws configure`, or set AWS_PROFILE."
        case aws.ClientError():
            return _refused(exc.response["Error"], exc.operation_name)
        case httpx.HTTPStatusError():
            return _answered(exc.response)
        case aws.ConnectionError() | aws.HTTPClientError() | httpx.TransportError():
            return f"The cloud does not answer ({_line(exc)}). The local one is started by `make up`."
        case psycopg.OperationalError():
            return f"The database cannot be reached ({_line(exc)}). The local one is started by `make up`."
    return None


def _refused(error: Any, operation: str) -> str:
    if error["Code"] in _STALE_CREDENTIALS:
        return "The AWS credentials are not valid any more. Run `aws sso login`, or set AWS_PROFILE."
    return f"{operation} was refused, {error['Code']}: {escape(str(error.get('Message', '')))}"


def _answered(response: Any) -> str:
    if response.status_code == 401:
        return "The token was refused; one lasts an hour. Run `make cognito-get-token`, then this again."
    request = f"{response.request.method} {response.request.url.path}"
    return f"{request} was answered with {response.status_code}: {escape(response.text[:300])}"


def _line(exc: Exception) -> str:
    return escape((str(exc).strip().splitlines() or [type(exc).__name__])[0])
