"""The first screen: what wants somebody appears and goes by itself, and is mended or opened from there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from engine.domain.cluster_status import HostResult
from engine.domain.events import EventKind
from engine.domain.statuses import JobStatus, Role
from engine.store import database
from tests.contract import harness
from tests.contract.test_workers import register
from tests.standins.provisioner_api import ProvisionerApi
from tests.standins.provisioner_bodies import JOB_ID, job, wanted, worker
from tests.tui.conftest import crumbs, screen_text, sees, terminal, until
from tests.tui.test_against_the_api import create
from tui.app import Terminal
from tui.client import Client
from tui.screens.cluster import ClusterScreen
from tui.screens.dashboard import DashboardScreen
from tui.screens.job import JobScreen
from tui.screens.workers import WorkerScreen
from tui.widgets.section import Section


@asynccontextmanager
async def signed_in(at: harness.Api, email: str = harness.ADMIN) -> AsyncIterator[Pilot[None]]:
    """The terminal as it comes up."""
    app = Terminal(Client(at.url), email=email, password=harness.PASSWORD)
    async with app.run_test(size=(120, 30), notifications=True) as pilot:
        await sees(pilot, "NEEDS YOU")
        yield pilot


async def gone(pilot: Pilot[None], words: str) -> None:
    await until(pilot, lambda: words not in screen_text(pilot), f"no {words}")


def cursor(pilot: Pilot[None]) -> tuple[str | None, str | None]:
    """The part of the screen that has the keys, and the line they go to."""
    focused = pilot.app.focused
    for section in pilot.app.screen.query(Section):
        if section.lines is focused:
            return section.id, section.lines.selected
    return None, None


async def test_a_failure_appears_by_itself_is_retried_and_goes(server: harness.Api):
    await register("yard-1")
    await database.fetch("UPDATE worker SET last_seen = now() + interval '1 h'")  # it has no heartbeat here
    async with signed_in(server) as pilot:
        await sees(pilot, "● All is well. There is no cluster yet: n makes the first one.")
        await sees(pilot, "○ Nothing runs.")
        await sees(pilot, "yard-1 ● 0/8")

        run = harness.Run(await create(server), server.cipher)
        await sees(pilot, "queue 1")
        await run.claim()
        await run.tell(run.event(EventKind.PHASE_STARTED, phase="join"))
        await sees(pilot, "Join the workers")
        await sees(pilot, "◐ provision")
        await sees(pilot, "◐ 1 provisioning")

        lost = run.event(EventKind.HOST_FAILED, phase="join", host="worker-01", task="Join", message="no")
        await run.finish(JobStatus.FAILED, [lost], message="no route")
        await sees(pilot, 'failed in "Join the workers" on worker-01: no route')
        await sees(pilot, "✗ 1 failed")
        await sees(pilot, "r Retry")
        await pilot.press("r")
        await sees(pilot, "is being tried again")

        client = await server.admin()
        again = harness.Run((await client.get("/api/v1/jobs")).json()["data"][0]["id"], server.cipher)
        await again.claim()
        await again.finish(JobStatus.SUCCESS, kubeconfig="kind: Config", hosts={"worker-01": HostResult()})
        await sees(pilot, "● All is well. Nothing wants you.")
        await sees(pilot, "● 1 running")


async def test_a_viewer_sees_everything_and_is_offered_nothing(server: harness.Api):
    await server.account(Role.VIEWER, "vera@example.local")
    run = harness.Run(await create(server), server.cipher)
    await run.claim()
    await run.finish(JobStatus.FAILED, message="no route")
    async with signed_in(server, "vera@example.local") as pilot:
        await sees(pilot, "failed: no route")
        assert "r retry" not in screen_text(pilot)
        assert "r Retry" not in screen_text(pilot)
        await pilot.press("r", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, JobScreen), "the job")

        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, DashboardScreen), "the dashboard")


def drained(name: str) -> dict[str, object]:
    subject = {"noun": "workers", "id": name, "name": name}
    said = {"kind": "worker", "severity": "notice", "what": "worker", "message": "drained"}
    return wanted(id=f"worker/{name}", subject=subject, since=None, action="resume", **said)


async def test_what_wants_somebody_is_opened_or_mended_with_one_key(api: ProvisionerApi):
    cluster = {"noun": "clusters", "id": api.clusters[0]["id"], "name": "edge-07"}
    silent = {
        "kind": "condition",
        "what": "NodesReachable",
        "message": "No answer from w1.",
        "action": "verify",
    }
    api.workers["yard-3"] = worker("yard-3", "drained", drained=True)
    api.attention = [
        wanted(),
        wanted(id="condition/1", subject=cluster, **silent),
        drained("yard-3"),
        wanted(
            id="backup", subject={"noun": "", "id": "", "name": "Keelyard"}, message="no backup", action=None
        ),
    ]
    async with terminal(api, start="dashboard") as pilot:
        await sees(pilot, "r Retry")
        await pilot.press("down")
        await sees(pilot, "v Verify")
        assert "r Retry" not in screen_text(pilot)
        await pilot.press("v")
        await until(pilot, lambda: api.count("POST", f"/clusters/{cluster['id']}/verify"), "the request")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, ClusterScreen), "the cluster")
        await pilot.press("escape")
        await pilot.press("down")
        await sees(pilot, "u Resume")
        await pilot.press("u")
        await until(pilot, lambda: api.count("POST", "/workers/yard-3/resume"), "the request")
        await pilot.press("down", "enter")
        await until(pilot, lambda: "no backup" in [n.message for n in pilot.app._notifications], "its words")

        await pilot.press("up", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, WorkerScreen), "the worker")
        await sees(pilot, "yard-3")
        await pilot.press("0")
        await until(pilot, lambda: isinstance(pilot.app.screen, DashboardScreen), "the dashboard")


async def test_sections_fold_at_80x24_and_the_cursor_goes_through_both(api: ProvisionerApi):
    api.attention = [wanted(number) for number in range(1, 13)]
    api.jobs = {f"j{number}": job("running", f"j{number}") for number in range(10)}
    async with terminal(api, start="dashboard") as pilot:
        await sees(pilot, " 5 more")
        await sees(pilot, " 2 more")
        await until(pilot, lambda: screen_text(pilot).splitlines()[-2][:8] == " workers", "the last line")
        lines = screen_text(pilot).splitlines()
        assert lines[1] == " dashboard · 12 things want you · 10 jobs run"
        assert [line.split()[0] for line in lines if "──" in line] == ["NEEDS", "RUNNING", "FLEET"]
        assert "edge-12" not in screen_text(pilot)

        await pilot.press(*["down"] * 11)
        await sees(pilot, "edge-12")
        assert cursor(pilot) == ("needs", "job/12")
        await pilot.press("down")
        assert cursor(pilot) == ("running", "j0")
        await pilot.press("up")
        assert cursor(pilot) == ("needs", "job/12")


async def test_the_cursor_stays_on_its_line_and_near_it_when_that_goes(api: ProvisionerApi):
    api.attention = [wanted(number) for number in range(1, 5)]
    async with terminal(api, start="dashboard") as pilot:
        await sees(pilot, "edge-04")
        await pilot.press("down", "down")
        assert cursor(pilot) == ("needs", "job/3")

        api.attention = [wanted(9), *api.attention]
        await pilot.press("ctrl+r")
        await sees(pilot, "edge-09")
        assert cursor(pilot) == ("needs", "job/3")

        api.attention = [item for item in api.attention if item["id"] != "job/3"]
        await pilot.press("ctrl+r")
        await gone(pilot, "edge-03")
        assert cursor(pilot) == ("needs", "job/4")

        api.attention = []
        await pilot.press("ctrl+r")
        await sees(pilot, "All is well")
        await until(pilot, lambda: cursor(pilot) == ("running", JOB_ID), "the keys on what runs")


async def test_a_filter_narrows_both_sections_and_is_not_disturbed_by_news(api: ProvisionerApi):
    api.attention = [wanted(1), wanted(2)]
    async with terminal(api, start="dashboard") as pilot:
        await sees(pilot, "edge-02")
        await pilot.press("slash", *"edge-02")
        await gone(pilot, "edge-01")
        assert "◐" not in screen_text(pilot)
        screen = pilot.app.screen
        assert isinstance(screen, DashboardScreen)
        screen.load()
        await pilot.press("x")
        await until(pilot, lambda: screen.query_one(Input).value == "edge-02x", "the keys where they were")
        await pilot.press("escape")
        await sees(pilot, "edge-01")


async def test_bars_go_on_between_two_answers_and_stand_still_when_there_is_none(
    api: ProvisionerApi, monkeypatch: pytest.MonkeyPatch
):
    ends = "2026-01-29T10:01:40Z"  # 100 seconds after it began
    api.jobs = {JOB_ID: job("running", estimated_finish_at=ends)}
    async with terminal(api, start="dashboard") as pilot:
        await sees(pilot, "starting")
        screen = pilot.app.screen
        assert isinstance(screen, DashboardScreen)
        asked = api.count("GET", "/overview")
        screen._read_at -= 50
        screen._tick()
        await sees(pilot, "█████░░░░░")
        assert api.count("GET", "/overview") == asked

        api.down = True
        await pilot.press("ctrl+r")
        await sees(pilot, "▲ stale since")
        shown = [line for line in screen_text(pilot).splitlines() if "◐" in line]
        screen._read_at -= 40
        screen._tick()
        await pilot.pause()
        assert [line for line in screen_text(pilot).splitlines() if "◐" in line] == shown


async def test_text_from_the_server_is_cut_to_the_line_and_never_markup(api: ProvisionerApi):
    api.attention = [wanted(message="[red]\x1b[31m" + "字" * 80, what="provision")]
    async with terminal(api, start="dashboard") as pilot:
        await sees(pilot, "[red]字")
        assert all(len(line) <= 80 for line in screen_text(pilot).splitlines())
        assert crumbs(pilot).startswith(" dashboard · 1 thing wants you")
