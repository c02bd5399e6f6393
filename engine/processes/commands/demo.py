"""`keelyard demo`."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from engine import content


@click.command()
@click.option(
    "--nodes", default=2, show_default=True, type=click.IntRange(1, 10), help="Lab nodes to begin with."
)
@click.option("--down", is_flag=True, help="Remove the demo and everything of it.")
@click.option(
    "--artifacts",
    type=click.Choice(["auto", "upstream", "bundle"]),
    default="auto",
    show_default=True,
    help="Official repositories, the bundle, or whichever can be had.",
)
def demo(*, nodes: int, down: bool, artifacts: str) -> None:
    """Turn bare lab nodes into a running Kubernetes cluster on this machine (root, Linux)."""
    from engine.processes import demo as demonstration

    console = Console()
    if down:
        demonstration.end(console)
        return
    demonstration.begin(nodes=nodes, bundle=_bundle(artifacts, console), console=console)


def _bundle(artifacts: str, console: Console) -> Path | None:
    """Directory of the bundle to use, built when missing; None for the official repositories."""
    from engine.bundle import build
    from engine.execution import artifacts as choice

    if artifacts == "upstream" or (artifacts == "auto" and choice.upstream_reachable()):
        return None
    directory = content.home() / "bundle"
    if not (directory / "SHA256SUMS.sig").exists():
        console.print("Building the bundle first: once, 10 to 30 minutes.")
        build.build(directory, report=lambda line: console.print(f"    {line}", style="dim", highlight=False))
    return directory
