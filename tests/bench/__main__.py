"""`python -m tests.bench`: every figure beside its baseline and its aim, from one run. No verdict on time.

Exit code 0 when every bench could be run, however its figures came out; 1 when one could not.
"""

from __future__ import annotations

import os
import platform
import signal
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import click
import msgspec
from rich.console import Console

from tests.bench import figures

BENCHES = {
    "list_requests": "API list requests per second against FastAPI + SQLAlchemy + uvicorn",
    "launch": "start of a job with 1, 20 and 200 queued, hand-over of room, memory of a run",
    "engine_run": "an engine run against bare ansible-playbook",
    "events": "POST to first task event, and from an event to a client of the stream",
    "event_store": "events per second into PostgreSQL, and opening a job of 300,000 events",
    "terminal": "the terminal: keys and memory under a flood of events, first screen, long lists and logs",
    "provisioning": "provisioning and its re-run against a plain shell script",
}
ENDED_BY_US = 1


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--only", multiple=True, type=click.Choice(list(BENCHES)), help="Only this one; may be repeated."
)
@click.option(
    "--json", "file", type=click.Path(path_type=Path, dir_okay=False), help="Write the figures there."
)
@click.option("--list", "listing", is_flag=True, help="Show what there is to run.")
def bench(*, only: tuple[str, ...], file: Path | None, listing: bool) -> None:
    """Measure Keelyard against baselines that run in the same minute on the same machine."""
    if listing:
        for name, about in BENCHES.items():
            click.echo(f"{name:15} {about}")
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    narrator = Console(stderr=True, highlight=False)
    found: list[figures.Figure] = []
    failures: list[str] = []
    for name in only or BENCHES:
        narrator.print(f"[bold]{name}[/]: {BENCHES[name]} (load {figures.load():g})")
        try:
            found += _module(name).measure(
                lambda line: narrator.print(f"  {line}", style="dim", markup=False)
            )
        except Exception as error:  # noqa: BLE001 - a bench that fails must not take the others' figures along
            failures.append(f"{name}: {type(error).__name__}: {error}")
            narrator.print(f"[red]{failures[-1]}[/]", soft_wrap=True)
    _show(found, failures, file)
    if failures:
        sys.exit(ENDED_BY_US)


def _module(name: str) -> ModuleType:
    module = import_module(f"tests.bench.{name}")
    assert callable(module.measure)
    return module


def _show(found: list[figures.Figure], failures: list[str], file: Path | None) -> None:
    machine = f"{os.cpu_count()} CPUs, Linux {platform.release()}, Python {platform.python_version()}"
    console = Console(width=None if sys.stdout.isatty() else 180)
    console.print(figures.table(found))
    console.print(f"Medians of interleaved rounds, best rounds beside them; {machine}.", style="dim")
    for failure in failures:
        console.print(f"not measured: {failure}", style="red", markup=False)
    if file is not None:
        told = {
            "machine": machine,
            "figures": [
                msgspec.to_builtins(figure) | {"value": figure.value, "holds": figure.holds}
                for figure in found
            ],
            "failures": failures,
        }
        file.write_bytes(msgspec.json.format(msgspec.json.encode(told), indent=1) + b"\n")


if __name__ == "__main__":
    bench()
