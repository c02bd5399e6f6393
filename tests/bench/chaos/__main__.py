"""`python -m tests.bench.chaos`: faults for some minutes, then the audit; exit code 1 when it finds any."""

from __future__ import annotations

import signal
import sys
import tempfile
import time
from pathlib import Path

import click

from tests.bench import figures
from tests.bench.chaos import audit, nodes
from tests.bench.chaos.faults import Faults
from tests.bench.chaos.load import Load
from tests.bench.chaos.site import Site

CLUSTERS = 20
READERS = 4
WARM_UP_SECONDS = 10


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--minutes", default=30.0, show_default=True, help="How long things are killed.")
@click.option("--clusters", default=CLUSTERS, show_default=True, help="Each always has a job.")
@click.option("--seed", type=int, default=None, help="Repeat the choices of an earlier run.")
@click.option("--keep", is_flag=True, help="Leave files and database for a look when something is wrong.")
def chaos(*, minutes: float, clusters: int, seed: int | None, keep: bool) -> None:
    """Kill workers, supervisors, playbooks, the API and PostgreSQL at random under concurrent jobs.

    Ends with a count of everything that should not be: jobs without a final state, events missing or double,
    steps done twice, processes, mounts, locks and directories left behind.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    seed = seed if seed is not None else int(time.time())
    click.echo(f"{clusters} clusters, {minutes:g} minutes, --seed {seed} (load {figures.load():g})", err=True)
    try:
        with tempfile.TemporaryDirectory(prefix="keelyard-chaos-nodes-") as directory:
            found = _run(Path(directory), minutes, clusters, seed, keep=keep)
    except figures.BenchNotPossible as error:
        raise click.ClickException(str(error)) from error
    for problem in found[:50]:
        click.echo(f"WRONG: {problem}")
    if found:
        raise click.ClickException(f"{len(found)} things are wrong (--seed {seed}).")
    click.echo("Every job ended, every event is there once, and nothing is left.")


def _run(directory: Path, minutes: float, clusters: int, seed: int, *, keep: bool) -> list[str]:
    directory.chmod(0o755)
    with nodes.serving(clusters, directory) as place:
        site = Site(place.content)
        found = ["it did not come to an end"]
        try:
            site.start()
            load = Load(site, place, readers=READERS, seed=seed)
            faults = Faults(site, seed)
            load.start()
            time.sleep(WARM_UP_SECONDS)
            faults.run(minutes * 60)
            click.echo(
                f"{sum(faults.done.values())} faults; {load.active} jobs are active. No more.", err=True
            )
            began = time.monotonic()
            load.wind_down()
            settled = time.monotonic() - began
            site.stop()
            found = audit.problems(site, place) + load.gaps
            _tell(site, load, faults, settled)
        finally:
            site.stop()
            if found and keep:
                click.echo(f"Left for a look: {site.home}, {site.database_url}", err=True)
            else:
                site.remove()
    return found


def _tell(site: Site, load: Load, faults: Faults, settled: float) -> None:
    counted = audit.totals(site)
    click.echo(f"faults    {_list(faults.done)}")
    click.echo(f"jobs      {counted['jobs']}: {_list(load.ended)}")
    click.echo(f"events    {counted['events']}; {load.streams} streams read from first to last")
    click.echo(f"requests  without an answer: {_list(load.refused) or 'none'}")
    click.echo(f"the last job had ended {settled:.0f} s after the last fault")


def _list(counter: dict[str, int]) -> str:
    return ", ".join(f"{times} {name}" for name, times in sorted(counter.items()))


if __name__ == "__main__":
    chaos()
