"""Two profiles in one run: each its own server, sign-in, screens and stream."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.standins.provisioner_api import PASSWORD, ProvisionerApi
from tests.standins.provisioner_bodies import CLUSTER_ID, EMAIL, cluster
from tests.tui.conftest import open_job, screen_text, sees, until
from tui import profiles
from tui.app import Terminal
from tui.client import Client
from tui.live_state import Connection
from tui.profiles import Profile, Profiles


@pytest.fixture
def servers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, ProvisionerApi]:
    """Two stand-ins behind two profiles."""
    monkeypatch.setenv("KEELYARD_CONFIG", str(tmp_path / "config.yaml"))
    assert not profiles.config_path().exists()
    Profiles.load().save(Profile("north", "http://127.0.0.1:8000", EMAIL))
    Profiles.load().save(Profile("south", "http://127.0.0.1:8001", EMAIL), current=False)
    north, south = ProvisionerApi(), ProvisionerApi()
    south.clusters = [cluster(id=CLUSTER_ID, name="reef-01")]
    return {"north": north, "south": south}


async def test_two_servers_in_one_run(servers: dict[str, ProvisionerApi]):
    made: dict[str, Client] = {}

    def connect(name: str) -> Client:
        profile = Profiles.load().get(name)
        assert profile is not None
        made[name] = Client(profile.url, profile=name, transport=servers[name].transport)
        return made[name]

    app = Terminal(connect("north"), email=EMAIL, password=PASSWORD, start="clusters", connect=connect)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await sees(pilot, "north · ")
        await open_job(pilot)
        await sees(pilot, "· ● live")
        await servers["north"].add("message", message="north one.")
        await sees(pilot, "north one.")

        await pilot.press("colon", *"profile south", "enter")
        await sees(pilot, "south · ")
        await pilot.press(*PASSWORD, "enter")
        await pilot.press("1")
        await sees(pilot, "reef-01")
        assert "edge-07" not in screen_text(pilot)
        await sees(pilot, "● live")
        assert made["north"].live.connection is Connection.NONE  # nobody looks there
        assert made["north"].following.positions() == {}

        await servers["north"].add("message", message="north two.")
        await pilot.press("colon", *"profile north", "enter")  # and no second sign-in
        await sees(pilot, "north · ")
        await pilot.press("1")
        await sees(pilot, "edge-07")
        await open_job(pilot)
        await sees(pilot, "north two.")
        await sees(pilot, "· ● live")
        assert made["south"].live.connection is Connection.NONE
        await until(pilot, lambda: servers["north"].count("POST", "/auth/login") == 1, "one sign-in")
        assert servers["south"].count("POST", "/auth/login") == 1
        assert app.stumbled == []
    await made["south"].close()
