"""Draw the sample collection: python -m scripts.make_samples. For maintainers; the results are committed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scripts.samples.canvas import FACES
from scripts.samples.catalogue import SAMPLES, render

ROOT = Path(__file__).resolve().parent.parent
FONTS = Path("/usr/share/fonts/truetype/dejavu")
LIMIT = 8 * 1024 * 1024


def main(
    out: Annotated[Path, typer.Option(help="Where the pictures go.")] = ROOT / "samples",
    font_dir: Annotated[Path, typer.Option(help="The folder of the DejaVu fonts.")] = FONTS,
    only: Annotated[list[str] | None, typer.Option(help="Draw only this file; may be repeated.")] = None,
) -> None:
    """Draw every sample, or only those named."""
    missing = sorted(name for name in set(FACES.values()) if not (font_dir / name).is_file())
    if missing:
        raise typer.BadParameter(f"{font_dir} lacks {', '.join(missing)}", param_hint="--font-dir")
    unknown = set(only or ()) - {sample.name for sample in SAMPLES}
    if unknown:
        raise typer.BadParameter(f"no such sample: {', '.join(sorted(unknown))}", param_hint="--only")
    out.mkdir(parents=True, exist_ok=True)
    total = 0
    for sample in SAMPLES:
        if only and sample.name not in only:
            continue
        data = render(sample, font_dir)
        (out / sample.name).write_bytes(data)
        total += len(data)
        typer.echo(f"{len(data) / 1024:7.0f} kB  {sample.name}  {sample.what}")
    typer.echo(f"{total / 1024:7.0f} kB  in all")
    if total > LIMIT:
        typer.echo("The collection is larger than 8 MB.", err=True)
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
