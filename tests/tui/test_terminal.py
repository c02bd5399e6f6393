"""The terminal's flows, as an operator goes through them."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from textual.widgets import Input

from tests.standins.provisioner_api import PASSWORD, ProvisionerApi
from tests.standins.provisioner_bodies import CLUSTER_ID, EMAIL, JOB_ID, cluster
from tests.tui.conftest import crumbs, open_job, screen_text, sees, terminal, until
from tui.screens.job import JobScreen
from tui.screens.login import LoginScreen
from tui.widgets.host_grid import HostGrid
from tui.widgets.row_table import RowTable


async def test_a_wrong_password_is_told_in_the_servers_words_and_can_be_typed_again(api: ProvisionerApi):
    async with terminal(api, password="wrong") as pilot:
        await sees(pilot, "✗ Incorrect email or password.")
        assert pilot.app.screen.query_one("#password", Input).value == ""

        await pilot.press(*PASSWORD, "enter")
        await sees(pilot, "● running")


async def test_keys_of_the_terminal_are_plain_letters_in_a_password(api: ProvisionerApi):
    async with terminal(api, password="") as pilot:
        await pilot.press("q", "colon", "question_mark", "1", "slash")

        assert isinstance(pilot.app.screen, LoginScreen)
        assert pilot.app.screen.query_one("#password", Input).value == "q:?1/"


async def test_a_server_that_is_down_is_said_on_the_login_screen(api: ProvisionerApi):
    api.down = True
    async with terminal(api) as pilot:
        await sees(pilot, "No answer from http://127.0.0.1:8000")
        await sees(pilot, "Is the server running?")


async def test_clusters_are_listed_with_status_version_and_nodes(api: ProvisionerApi):
    async with terminal(api) as pilot:
        await sees(pilot, "edge-07")
        await sees(pilot, "● running")
        line = next(line for line in screen_text(pilot).splitlines() if "edge-07" in line)

        assert "1.36.2" in line
        assert "1+2" in line
        assert EMAIL in screen_text(pilot)


async def test_an_empty_list_says_what_would_be_here(api: ProvisionerApi):
    api.clusters = []
    async with terminal(api) as pilot:
        await sees(pilot, "No clusters yet.")


async def test_a_filter_narrows_the_list_and_escape_drops_it(api: ProvisionerApi):
    api.clusters = [cluster(), cluster("shop-eu", "failed", id="b1b2c3d4-e5f6-4890-abcd-ef1234567890")]
    async with terminal(api) as pilot:
        await sees(pilot, "✗ failed")
        await pilot.press("slash", *"shop")
        await until(pilot, lambda: "edge-07" not in screen_text(pilot), "only shop-eu")
        assert 'filter "shop" shows 1 of 2' in crumbs(pilot)

        await pilot.press("enter")
        assert isinstance(pilot.app.focused, RowTable)
        await pilot.press("escape")
        await sees(pilot, "edge-07")


async def test_a_list_that_cannot_be_read_again_stays_and_is_called_stale(api: ProvisionerApi):
    api.tells_news = False
    async with terminal(api) as pilot:
        await sees(pilot, "● connected")
        api.down = True
        await pilot.press("ctrl+r")
        await sees(pilot, "▲ stale since")
        assert "edge-07" in screen_text(pilot)

        api.down = False
        await pilot.press("ctrl+r")
        await sees(pilot, "● connected")


async def test_the_palette_goes_to_jobs_and_to_a_cluster_by_name(api: ProvisionerApi):
    async with terminal(api) as pilot:
        await sees(pilot, "edge-07")
        await pilot.press("ctrl+p", *"jobs")
        await sees(pilot, "all jobs, newest first")
        await pilot.press("enter")
        await sees(pilot, "◐ running")

        await pilot.press("ctrl+p", *"edge")
        await until(pilot, lambda: "edge-07" in screen_text(pilot), "the cluster offered")
        await pilot.press("enter")
        await sees(pilot, "‹ jobs ‹ cluster edge-07")


async def test_help_lists_the_keys_of_the_screen(api: ProvisionerApi):
    async with terminal(api) as pilot:
        await open_job(pilot)
        await pilot.press("question_mark")
        await sees(pilot, "Ask the job to stop")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, JobScreen), "the job again")


async def test_a_cluster_shows_nodes_conditions_and_its_jobs(api: ProvisionerApi):
    async with terminal(api) as pilot:
        await sees(pilot, "edge-07")
        await pilot.press("enter")
        await sees(pilot, "‹ clusters ‹ edge-07")
        await sees(pilot, "control-plane")
        text = screen_text(pilot)

        assert "shops [north]" in text  # text from outside is never read as markup
        assert "NodesReachable" in text
        assert "AllAnswered" in text
        assert "provision" in text

        await pilot.press("escape")
        await sees(pilot, "clusters 1")


async def test_provision_queues_a_job_and_opens_it(api: ProvisionerApi):
    async with terminal(api) as pilot:
        await sees(pilot, "edge-07")
        await pilot.press("enter")
        await sees(pilot, "control-plane")
        await pilot.press("p")
        await sees(pilot, "‹ job provision edge-07")

    assert api.count("POST", f"/clusters/{CLUSTER_ID}/provision") == 1


@pytest.mark.parametrize(
    ("first", "sent"),
    [((), "true"), (("shift+tab", "down", "enter", "tab"), "false")],
    ids=["undo", "forget"],
)
async def test_deletion_wants_the_name_and_says_what_will_be_gone(
    api: ProvisionerApi, first: tuple[str, ...], sent: str
):
    path = f"/clusters/{CLUSTER_ID}?deprovision={sent}"
    async with terminal(api) as pilot:
        await sees(pilot, "edge-07")
        await pilot.press("enter")
        await sees(pilot, "control-plane")
        await pilot.press("ctrl+d")
        await sees(pilot, "3 nodes: c1, w1, w2")
        await pilot.press(*first, *"edge-08", "enter")
        await sees(pilot, "✗ That is not edge-07. Nothing was done.")
        assert api.count("DELETE", path) == 0

        await pilot.press("backspace", "7", "enter")
        await sees(pilot, "‹ job provision edge-07")

    assert api.count("DELETE", path) == 1


async def test_a_kubeconfig_is_saved_for_its_owner_alone_and_replaces_nothing(
    api: ProvisionerApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    saved = tmp_path / "edge-07-kubeconfig.yaml"
    async with terminal(api) as pilot:
        await sees(pilot, "edge-07")
        await pilot.press("enter")
        await sees(pilot, "control-plane")
        await pilot.press("k")
        await sees(pilot, "./edge-07-kubeconfig.yaml")
        await pilot.press("enter")
        await until(pilot, saved.exists, "the file")
        assert stat.S_IMODE(saved.stat().st_mode) == 0o600

        saved.write_text("mine")
        await until(pilot, lambda: "Save the kubeconfig" not in screen_text(pilot), "the cluster again")
        await pilot.press("k")
        await sees(pilot, "Save the kubeconfig")
        await pilot.press("enter")
        await sees(pilot, "✗ not done")
        told = [notification.message for notification in pilot.app._notifications]
        assert any("exists and was left as it is" in message for message in told)

    assert saved.read_text() == "mine"


async def test_events_arrive_while_the_job_is_watched(api: ProvisionerApi):
    async with terminal(api) as pilot:
        await open_job(pilot)
        await sees(pilot, "● live")
        await api.add("phase_started", phase="preflight")
        await api.add("host_changed", phase="preflight", host="w1", task="Install containerd [apt]")
        await api.add("host_ok", phase="preflight", host="w1", task="Check time", message="\x1b[31min step")
        await sees(pilot, "Install containerd [apt]")
        await sees(pilot, "in step")
        hosts = pilot.app.screen.query_one("#hosts", HostGrid)

        assert [cell.plain for cell in hosts.get_row_at(0)[:5]] == ["w1", "◐ running", "2", "1", "0"]
        assert "events 3" in screen_text(pilot)


async def test_a_failure_comes_first_and_the_end_is_told(api: ProvisionerApi):
    async with terminal(api) as pilot:
        await open_job(pilot)
        await api.add("phase_started", phase="preflight")
        await api.add(
            "host_failed", phase="preflight", host="w2", task="Check swap", message="swap is on; turn it off"
        )
        await sees(pilot, '✗ "Check swap" failed on w2: swap is on; turn it off')
        await api.end("failed", reason="failed")
        await sees(pilot, "○ complete")
        await sees(pilot, "provision edge-07 · ✗ failed")


async def test_a_cut_stream_is_taken_up_where_it_ended_and_tells_nothing_twice(api: ProvisionerApi):
    api.cut_after = 2
    async with terminal(api) as pilot:
        await open_job(pilot)
        for number in range(1, 5):
            await api.add("message", message=f"step {number}.")
        await sees(pilot, "step 4.")
        shown = screen_text(pilot)

    assert [shown.count(f"step {number}.") for number in range(1, 5)] == [1, 1, 1, 1]
    assert api.resumed_after == [0, 2]


async def test_an_expired_token_is_renewed_without_a_word(api: ProvisionerApi):
    async with terminal(api) as pilot:
        await sees(pilot, "edge-07")
        api.expire_access()
        await open_job(pilot)
        await sees(pilot, "● live")

    assert api.count("POST", "/auth/refresh") == 1


async def test_an_ended_session_asks_for_the_password_on_top_of_what_is_shown(api: ProvisionerApi):
    async with terminal(api) as pilot:
        await open_job(pilot)
        api.revoke_session()
        await pilot.press("ctrl+r")
        await sees(pilot, "▲ Your session has ended. Sign in again.")
        await pilot.press(*PASSWORD, "enter")
        await sees(pilot, "‹ provision edge-07")
        await sees(pilot, "● live")


async def test_cancel_asks_first(api: ProvisionerApi):
    async with terminal(api) as pilot:
        await open_job(pilot)
        await pilot.press("x")
        await sees(pilot, "Cancel provision edge-07?")
        await pilot.press("n")
        await until(pilot, lambda: isinstance(pilot.app.screen, JobScreen), "the job again")
        assert api.count("POST", f"/jobs/{JOB_ID}/cancel") == 0

        await pilot.press("x")
        await sees(pilot, "Cancel provision edge-07?")
        await pilot.press("y")
        await sees(pilot, "▲ cancelled")

    assert api.count("POST", f"/jobs/{JOB_ID}/cancel") == 1
    assert api.resumed_after == [0]  # the question did not cost the stream


async def test_retry_opens_the_new_job(api: ProvisionerApi):
    await api.end("failed")
    async with terminal(api) as pilot:
        await open_job(pilot)
        await pilot.press("r")
        await sees(pilot, "○ queued")

    assert api.count("POST", f"/jobs/{JOB_ID}/retry") == 1
    assert api.retried == "failed"


async def test_leaving_revokes_the_session(api: ProvisionerApi):
    async with terminal(api) as pilot:
        await sees(pilot, "edge-07")
        await pilot.press("q")

    assert api.count("POST", "/auth/logout") == 1
