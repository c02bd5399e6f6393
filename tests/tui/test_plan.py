"""The plan screen: waits for its job, tells changes by sign and word, applies by a typed name."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from textual.pilot import Pilot

from tests.standins.provisioner_api import ProvisionerApi
from tests.standins.provisioner_bodies import CLUSTER_ID, PLAN_ID, job, plan
from tests.tui.conftest import crumbs, screen_text, sees, terminal


@asynccontextmanager
async def on_cluster(api: ProvisionerApi) -> AsyncIterator[Pilot[None]]:
    async with terminal(api) as pilot:
        await sees(pilot, "edge-07")
        await pilot.press("enter")
        await sees(pilot, "control-plane")
        yield pilot


def finished(api: ProvisionerApi) -> None:
    api.jobs[PLAN_ID] = job("success", PLAN_ID, type="plan")
    api.plans[PLAN_ID] = plan()


async def test_a_plan_is_awaited_and_then_told_by_sign_word_and_difference(api: ProvisionerApi):
    async with on_cluster(api) as pilot:
        await pilot.press("P")
        await sees(pilot, "Looking at the nodes")
        finished(api)
        await pilot.press("ctrl+r")

        await sees(pilot, "3 changes on 1 of 2 nodes: 1 exact, 1 declared, 1 unknown.")
        for words in ("~ exact", "+ declared", "? unknown", "! not right", "is not Ready: stopped"):
            await pilot.resize_terminal(200, 40)
            await sees(pilot, words)
        await sees(pilot, "-version = [2]")
        await sees(pilot, "+version = 3")
        assert "plan of edge-07" in crumbs(pilot)


async def test_verify_has_a_key_of_its_own(api: ProvisionerApi):
    async with on_cluster(api) as pilot:
        await pilot.press("v")
        await sees(pilot, "verify of edge-07")
        assert api.count("POST", f"/clusters/{CLUSTER_ID}/verify") == 1


async def test_a_plan_is_applied_only_after_the_name_was_typed(api: ProvisionerApi):
    finished(api)
    async with on_cluster(api) as pilot:
        await pilot.press("o")
        await sees(pilot, "3 changes")
        await pilot.press("a")
        await sees(pilot, "Apply this plan to edge-07")
        await pilot.press(*"edge", "enter")
        await sees(pilot, "That is not edge-07. Nothing was done.")
        assert api.bodies == []

        await pilot.press(*"-07", "enter")
        await sees(pilot, "‹ job provision edge-07")
        assert api.bodies == [{"plan_hash": "ab" * 32}]


async def test_there_is_nothing_to_apply_where_nothing_would_change(api: ProvisionerApi):
    finished(api)
    empty = plan(c1={})
    empty["summary"] |= {"changes": 0, "changed_hosts": 0, "hosts": 1, "findings": 0}
    api.plans[PLAN_ID] = empty
    async with on_cluster(api) as pilot:
        await pilot.press("o")
        await sees(pilot, "Nothing would change on 1 nodes.")
        await pilot.press("a")
        await sees(pilot, "✗ not done")


async def test_a_job_that_failed_says_why_there_is_no_plan(api: ProvisionerApi):
    async with on_cluster(api) as pilot:
        await pilot.press("P")
        await sees(pilot, "Looking at the nodes")
        api.jobs[PLAN_ID] |= {"status": "failed", "message": "c1: no answer"}
        await pilot.press("ctrl+r")
        await sees(pilot, "There is no plan: the job ended as failed. c1: no answer")


async def test_no_plan_yet_is_said(api: ProvisionerApi):
    async with on_cluster(api) as pilot:
        await pilot.press("o")
        await sees(pilot, "This cluster has no plan yet")
        assert "control-plane" in screen_text(pilot)
