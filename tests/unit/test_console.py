"""Failures that everybody meets are told in a line with what mends them; others are seen as they are."""

import httpx
import psycopg
import pytest
import typer
from botocore import exceptions as aws
from typer.testing import CliRunner, Result

from scripts.console import agree, commands

REQUEST = httpx.Request("GET", "https://api.example/items?secret=1")


def refused(code: str) -> aws.ClientError:
    return aws.ClientError({"Error": {"Code": code, "Message": "No [bold]way[/]."}}, "DescribeStacks")


def answered(status: int) -> httpx.HTTPStatusError:
    return httpx.HTTPStatusError("-", request=REQUEST, response=httpx.Response(status, text="why", request=REQUEST))


def told(failure: Exception) -> Result:
    app = commands()

    @app.command()
    def fails() -> None:
        raise failure

    @app.command()
    def works() -> None: ...

    return CliRunner().invoke(app, ["fails"])


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (aws.NoCredentialsError(), "AWS_PROFILE"),
        (aws.ProfileNotFound(profile="mine"), "mine"),
        (refused("ExpiredToken"), "aws sso login"),
        (refused("AccessDenied"), "DescribeStacks was refused, AccessDenied: No [bold]way[/]."),
        (aws.EndpointConnectionError(endpoint_url="http://127.0.0.1:1"), "make up"),
        (httpx.ConnectError("refused"), "make up"),
        (psycopg.OperationalError("no such socket\nIs it running?"), "no such socket"),
        (answered(401), "make cognito-get-token"),
        (answered(500), "GET /items was answered with 500: why"),
    ],
)
def test_what_is_missing_is_told_in_a_line(failure: Exception, words: str) -> None:
    answer = told(failure)

    assert answer.exit_code == 1
    assert words in answer.output
    assert "Traceback" not in answer.output
    assert "secret" not in answer.output


def test_a_mistake_of_our_own_is_not_explained_away() -> None:
    assert isinstance(told(KeyError("oops")).exception, KeyError)


@pytest.mark.parametrize(("answers", "goes_on"), [("y\n", True), ("n\n", False), ("", False)])
def test_nothing_goes_on_without_a_yes(answers: str, goes_on: bool) -> None:
    app = typer.Typer()

    @app.command()
    def destroys(yes: bool = False) -> None:
        agree("Really?", yes=yes)
        typer.echo("gone")

    asked = CliRunner().invoke(app, [], input=answers)

    assert ("gone" in asked.output, asked.exit_code) == (goes_on, 0 if goes_on else 1)
    assert "gone" in CliRunner().invoke(app, ["--yes"]).output
