"""What the commands say to people: one console, one way to end badly."""

from typing import NoReturn

import typer
from rich.console import Console

console = Console(highlight=False)


def say(message: str) -> None:
    console.print(message, soft_wrap=True)


def fail(message: str) -> NoReturn:
    """Say what is wrong and what mends it, and end with a failure."""
    console.print(f"[bold red]✗[/] {message}")
    raise typer.Exit(1)
