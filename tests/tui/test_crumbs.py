"""Breadcrumbs: the way here, each step of it to click on."""

from __future__ import annotations

from tests.standins.provisioner_api import ProvisionerApi
from tests.standins.provisioner_bodies import CLUSTER_ID, JOB_ID
from tests.tui.conftest import crumbs, sees, terminal, until
from tui import messages
from tui.widgets.crumbs import Crumbs


async def test_the_way_is_shown_step_by_step_and_a_click_goes_back(api: ProvisionerApi):
    async with terminal(api) as pilot:
        await sees(pilot, "edge-07")
        await pilot.press("enter")
        await sees(pilot, "control-plane")
        await pilot.press("l")
        await sees(pilot, "‹ clusters ‹ edge-07 ‹ job provision edge-07 · ◐ running")

        await pilot.click(Crumbs, offset=(crumbs(pilot).index("edge-07"), 0))
        await until(pilot, lambda: crumbs(pilot) == " ‹ clusters ‹ edge-07 · ● running", "the cluster")
        await pilot.click(Crumbs, offset=(4, 0))
        await sees(pilot, "clusters 1")


async def test_going_in_circles_ends_where_one_has_been(api: ProvisionerApi):
    async with terminal(api) as pilot:
        await sees(pilot, "edge-07")
        for _ in range(3):
            pilot.app.post_message(messages.Open("clusters", CLUSTER_ID))
            await sees(pilot, "control-plane")
            pilot.app.post_message(messages.Open("jobs", JOB_ID))
            await sees(pilot, "‹ job provision edge-07")

        assert len(pilot.app.screen_stack) == 3


async def test_a_long_way_folds_its_first_steps(api: ProvisionerApi):
    async with terminal(api) as pilot:
        await sees(pilot, "edge-07")
        line = pilot.app.screen.query_one(Crumbs)
        line.show(["clusters", "a-cluster-with-quite-a-long-name", "provision of it", "task"], "◐ running")
        await until(pilot, lambda: "◐ running" in crumbs(pilot), "the state")

        assert crumbs(pilot) == " ‹ … ‹ a-cluster-with-quite-a-long-name ‹ provision of it ‹ task · ◐ running"
