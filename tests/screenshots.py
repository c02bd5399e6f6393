"""Pictures of the terminal for the README, from a running server with a small yard: `make screenshots`.

The server is the real one, on a database of its own; its runs tell what the tests of the API tell.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import psycopg
from textual import events
from textual.pilot import Pilot

from engine.domain.events import EventKind
from engine.domain.statuses import JobStatus
from engine.processes import embedded_postgresql
from engine.store import database, migration
from tests import scanned_yard
from tests.contract import harness
from tests.contract.test_workers import register
from tests.tui.conftest import screen_text, until
from tui.app import Terminal
from tui.client import Client

PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
COLUMNS = 110
SHOWN_AS = "https://yard-1.example"  # as long as an address of loopback, so that nothing moves
TASKS = {
    "preflight": ("Check the clock", "Check swap"),
    "prepare": ("Load kernel modules", "Write the sysctl settings"),
    "containerd": ("Install containerd", "Start containerd"),
    "packages": ("Install kubeadm and kubelet", "Hold their versions"),
    "init": ("Write the configuration of kubeadm", "Pull the images of the control plane"),
}
HOSTS = ("control-01", "worker-01")
WIZARD_NODES = """192.0.2.11 c1 control-plane debian12
192.0.2.21 w1 worker debian12
192.0.2.22 w2 worker rocky9
"""


@contextlib.contextmanager
def own_database() -> Iterator[str]:
    """A migrated database on a server of its own, gone afterwards."""
    home = Path(tempfile.mkdtemp(prefix="keelyard-pictures-", dir="/tmp"))
    home.chmod(0o755)  # the server's own system user has to get in
    try:
        embedded_postgresql.ensure_running(home)
        place = embedded_postgresql.instance(home)
        with psycopg.connect(place.url("postgres"), autocommit=True) as connection:
            connection.execute("CREATE DATABASE pictures")
        yield place.url("pictures")
    finally:
        embedded_postgresql.stop(home)
        shutil.rmtree(embedded_postgresql.instance(home).socket, ignore_errors=True)
        shutil.rmtree(home, ignore_errors=True)


async def furnish(server: harness.Api) -> str:
    """A failed cluster, one that runs, one that is being made; the id of the job that makes it."""
    await register("yard-1")
    await database.fetch("UPDATE worker SET last_seen = now() + interval '1 h'")  # it has no heartbeat here
    client = await server.admin()
    ids: dict[str, str] = {}
    for number, name in enumerate(("core-ha", "edge-07", "shop-eu"), start=1):
        body = harness.cluster_body(name, network=f"192.0.{number}")
        ids[name] = (await client.post("/api/v1/clusters", json=body)).json()["job"]["id"]
    done, failed, going = (harness.Run(ids[name], server.cipher) for name in ids)
    await done.claim()
    await done.finish(JobStatus.SUCCESS, kubeconfig="kind: Config")
    phases = [phase["slug"] for phase in (await client.get(f"/api/v1/jobs/{going.job_id}")).json()["phases"]]

    await failed.claim()
    await go(failed, phases, phases.index("packages"))
    lost = failed.event(
        EventKind.HOST_FAILED, phase="packages", host="worker-01", task="Check swap", message="swap is on"
    )
    await failed.finish(JobStatus.FAILED, [lost], message="worker-01: swap is on; turn it off")

    await going.claim()
    await go(going, phases, phases.index("init"))
    return str(going.job_id)


async def go(run: harness.Run, phases: Sequence[str], done: int) -> None:
    """The events of a run in its `done`th phase."""
    await run.tell(run.event(EventKind.JOB_STARTED))
    for number, phase in enumerate(phases[: done + 1]):
        await run.tell(run.event(EventKind.PHASE_STARTED, phase=phase))
        for task in TASKS.get(phase, ("Look at the node",)):
            told = {"phase": phase, "task": task, "duration_seconds": 0.4}
            kind = EventKind.HOST_OK if task.startswith(("Check", "Look")) else EventKind.HOST_CHANGED
            await run.tell(*(run.event(kind, host=host, **told) for host in HOSTS))
        if number < done:
            await run.tell(run.event(EventKind.PHASE_FINISHED, phase=phase, data={"status": "succeeded"}))


@contextlib.asynccontextmanager
async def terminal(server: harness.Api, start: str, lines: int) -> AsyncIterator[Pilot[None]]:
    """The terminal as it comes up at this path."""
    app = Terminal(Client(server.url), email=harness.ADMIN, password=harness.PASSWORD, start=start)
    async with app.run_test(size=(COLUMNS, lines), notifications=True) as pilot:
        yield pilot


def keep(pilot: Pilot[None], server: harness.Api, name: str) -> None:
    """Writes what the terminal shows; the picture asks no other host for a font."""
    picture = pilot.app.export_screenshot(title="keelyard")
    picture = re.sub(r"live&#160;(\d+)&#160;ms", _quiet, picture)  # of a machine that has nothing else to do
    picture = re.sub(r"@font-face\s*{[^}]*}", "", picture)
    picture = picture.replace(server.url, SHOWN_AS).replace(
        server.url.replace("://", ":&#x2F;&#x2F;"), SHOWN_AS
    )
    PICTURES.mkdir(parents=True, exist_ok=True)
    place = PICTURES / f"{name}.svg"
    place.write_text("\n".join(line.rstrip() for line in picture.splitlines()) + "\n", encoding="utf-8")
    print(f"{place.relative_to(PICTURES.parents[1])}  {place.stat().st_size // 1000} KB")


def _quiet(found: re.Match[str]) -> str:
    return f"live&#160;{'9'.rjust(len(found[1])).replace(' ', '&#160;')}&#160;ms"


async def settled(pilot: Pilot[None], *words: str, but: str = "◐ connecting") -> None:
    """Waits until all is there with the keys in the last line, and nothing on its way."""

    def is_there() -> bool:
        shown = screen_text(pilot)
        has_keys = bool(shown.rpartition("\n")[2].strip())
        return has_keys and all(word in shown for word in words) and but not in shown

    await until(pilot, is_there, ", ".join(words))


async def paste(pilot: Pilot[None], text: str) -> None:
    """What a person pastes."""
    pilot.app.post_message(events.Paste(text))
    await pilot.pause()


async def photograph(server: harness.Api) -> None:
    """Dashboard, job, wizard and hardening."""
    job_id = await furnish(server)
    async with terminal(server, "dashboard", 20) as pilot:
        await settled(pilot, "NEEDS YOU", "edge-07", "shop-eu", "● live")
        keep(pilot, server, "dashboard")
    async with terminal(server, f"jobs/{job_id}", 34) as pilot:
        await settled(pilot, "Pull the images", "Start the contro", "LATEST TASK", "● live")
        keep(pilot, server, "job")
    async with terminal(server, "clusters/new", 24) as pilot:
        await settled(pilot, "everything is said by hand")
        await paste(pilot, "shop-us")
        await pilot.press("ctrl+n")
        await settled(pilot, "Workers left empty")
        await pilot.press("ctrl+n")
        await settled(pilot, "paste a list")
        await paste(pilot, WIZARD_NODES)
        await settled(pilot, "3 nodes can be read")
        await pilot.press("ctrl+l")
        await settled(pilot, "as the topology asks", "● live", but="listed already")
        keep(pilot, server, "wizard")
    client = await server.admin()
    left_out = {"id": "linux-5.1.5", "reason": "The site's own banner stands there"}
    settings = {
        "enable_cis_k8s_benchmark": True,
        "enable_cis_linux_benchmark": True,
        "exceptions": [left_out],
    }
    await client.patch("/api/v1/clusters/core-ha/hardening", json=settings)
    await scanned_yard.scan(server, client, "core-ha")
    async with terminal(server, "clusters", 24) as pilot:
        await settled(pilot, "core-ha", "● live")
        await pilot.press("colon", *"hardening core-ha", "enter")
        await settled(pilot, "SCORE OVER TIME", "kube-bench", "Harden", "● live")
        keep(pilot, server, "hardening")


async def main(url: str) -> None:
    """Everything on one server."""
    await migration.migrate(url)
    async with harness.serving(harness.settings(url)) as server:
        await photograph(server)


if __name__ == "__main__":
    with own_database() as database_url:
        asyncio.run(main(database_url))
