"""The wizard against the real API, with real SSH servers to log in to."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import httpx
import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input, Select

from engine.domain import address_rules
from tests.contract import harness
from tests.integration.conftest import database_url, server_home, template  # noqa: F401
from tests.nodes.wizard_keys import Action, Gone, Paste, Press, Sees, through
from tests.standins import sshd
from tests.tui.conftest import crumbs, screen_text, sees, until
from tui.app import Terminal
from tui.client import Client
from tui.screens.job import JobScreen
from tui.screens.new_cluster import NewClusterScreen
from tui.wizard.steps import Step

needs_sshd = pytest.mark.skipif(not sshd.available(), reason="needs root and sshd")
CANARY = "canary-5d1e"


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The operator's own state directory."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.fixture
async def server(database_url: str, state: Path) -> AsyncIterator[harness.Api]:  # noqa: F811
    """A running server with an administrator."""
    async with harness.serving(harness.settings(database_url)) as running:
        yield running


@pytest.fixture
def loopback_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server takes its own loopback for nodes, which it otherwise never does."""
    monkeypatch.setattr(address_rules, "node_address_problem", lambda *_: None)


class Yard:
    """Two SSH servers with one way in."""

    def __init__(self, directory: Path, servers: list[sshd.Server]) -> None:
        self.key = directory / "operator"
        self.servers = servers

    @property
    def listed(self) -> str:
        return "\n".join(f"{each.address}:{each.port} c{n}" for n, each in enumerate(self.servers, 1))


@pytest.fixture
def yard(tmp_path: Path, loopback_nodes: None) -> Iterator[Yard]:
    _, public = sshd.keypair(tmp_path, "operator")
    with (
        private_server(tmp_path / "one", public, 2) as one,
        private_server(tmp_path / "two", public, 3) as two,
    ):
        yield Yard(tmp_path, [one, two])


@contextmanager
def private_server(directory: Path, public: str, number: int) -> Iterator[sshd.Server]:
    """An SSH server at a loopback address of its own."""
    with sshd.serving(directory, public) as running:
        running.stop()
        running.address = f"127.0.0.{number}"
        running.start()
        yield running


@asynccontextmanager
async def wizard(
    server: harness.Api,
    *,
    size: tuple[int, int] = (80, 24),
    transport: httpx.AsyncBaseTransport | None = None,
    start: str = "clusters/new",
) -> AsyncIterator[Pilot[None]]:
    client = Client(server.url, transport=transport)
    app = Terminal(client, email=harness.ADMIN, password=harness.PASSWORD, start=start)
    async with app.run_test(size=size, notifications=True) as pilot:
        yield pilot


async def paste(pilot: Pilot[None], text: str) -> None:
    """As a terminal hands over what was pasted."""
    pilot.app.post_message(events.Paste(text))
    await pilot.pause()


async def carry_out(pilot: Pilot[None], actions: list[Action]) -> None:
    for action in actions:
        match action:
            case Press(key):
                await pilot.press(key)
            case Paste(text):
                await paste(pilot, text)
            case Sees(words):
                await sees(pilot, words)
            case Gone(words):
                await until(pilot, lambda words=words: words not in screen_text(pilot), f"no {words}")


def at(pilot: Pilot[None]) -> Step:
    screen = pilot.app.screen
    assert isinstance(screen, NewClusterScreen)
    return screen.step


def field(pilot: Pilot[None], name: str) -> Input:
    return pilot.app.screen.query_one(f"#at-{name}", Input)


async def clusters_of(server: harness.Api) -> list[dict]:
    client = await server.admin()
    return (await client.get("/api/v1/clusters")).json()["data"]


def no_secret_in(directory: Path, log: str, *secrets: str) -> None:
    kept = [path.read_bytes() for path in directory.rglob("*") if path.is_file()]
    for secret in secrets:
        assert secret not in log
        assert not [text for text in kept if secret.encode() in text]


@needs_sshd
async def test_from_the_list_of_clusters_to_the_watched_job(
    server: harness.Api, yard: Yard, state: Path, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.DEBUG, "keelyard.tui")
    async with wizard(server, start="clusters") as pilot:
        await sees(pilot, "n creates one")
        actions = through("shop", yard.listed, 2, key=str(yard.key), lab=False)
        before_review = actions.index(Press("ctrl+s"))
        await carry_out(pilot, actions[:before_review])
        await until(pilot, lambda: list(state.rglob("*.json")), "the draft kept")
        no_secret_in(state, caplog.text, *yard.key.read_text().splitlines()[1:-1])
        await carry_out(pilot, actions[before_review:])
        await until(pilot, lambda: isinstance(pilot.app.screen, JobScreen), "the job")
        await sees(pilot, "○ queued")

    client = await server.admin()
    spec = (await client.get("/api/v1/clusters/shop/spec")).json()
    assert [node["role"] for node in spec["nodes"]] == ["control-plane", "worker"]
    assert [node["host_keys"] for node in spec["nodes"]] == [[each.pinned] for each in yard.servers]
    jobs = (await client.get("/api/v1/jobs")).json()["data"]
    assert [(job["type"], job["status"]) for job in jobs] == [("provision", "queued")]
    assert list(state.rglob("*.json")) == []  # made, so no draft of it


@needs_sshd
async def test_a_refused_port_and_a_changed_key_are_told_at_their_node(server: harness.Api, yard: Yard):
    async with wizard(server) as pilot:
        nowhere = "\n127.0.0.9:1 w9"
        actions = through("shop", yard.listed + nowhere, 3, key=str(yard.key), lab=False)[1:]
        untested = actions.index(Press("ctrl+t"))
        await carry_out(pilot, [*actions[: untested + 1], Sees("✗ failed"), Sees("▲ key seen first time")])
        await carry_out(pilot, [Gone("◐ testing"), *[Press("tab")] * 3])
        await carry_out(pilot, [Press("enter"), Sees("Is this the host key of c1?")])
        await sees(pilot, yard.servers[0].fingerprint)
        await carry_out(pilot, [Press("y"), Sees("● key confirmed")])
        await carry_out(pilot, [Press("down"), Press("down"), Sees("No SSH server answers at 127.0.0.9")])

        # The machine is set up anew; the next test is loud, and nothing is created.
        yard.servers[0].stop()
        yard.servers[0].new_host_key()
        yard.servers[0].start()
        await carry_out(pilot, [Press("ctrl+t"), Sees("✗ KEY CHANGED"), Gone("◐ testing")])
        await carry_out(pilot, [Press("ctrl+s"), Sees("as YAML"), Sees("shows another host key")])
        await carry_out(pilot, [Press("ctrl+s"), Sees("THE HOST KEY OF c1 HAS CHANGED")])
        assert at(pilot) is Step.ACCESS
        await carry_out(pilot, [Press("enter"), Sees("Type c1 and press"), Press("y"), Press("enter")])
        await sees(pilot, "That is not c1")
        await carry_out(pilot, [Press("backspace"), Press("c"), Press("1"), Press("enter")])
        await sees(pilot, "● key confirmed")
        # Another password: what was tested is tested again without being asked.
        await carry_out(pilot, [Press("shift+tab"), Paste(CANARY), Press("tab"), Gone("? changed since")])

    assert await clusters_of(server) == []


async def test_every_step_says_what_is_wrong_and_the_server_has_the_last_word(server: harness.Api):
    admin = await server.admin()
    body = harness.cluster_body("taken", network="192.0.2")
    assert (await admin.post("/api/v1/clusters", json=body)).status_code == 201
    small = {"name": "small", "components": {"cni": "bridge"}, "topology": {"worker_count": 1}}
    assert (await admin.post("/api/v1/templates", json=small)).status_code == 201
    async with wizard(server) as pilot:
        await sees(pilot, "small")
        assert "is required" not in screen_text(pilot)  # nobody was asked for anything yet
        await carry_out(pilot, [Press("tab"), Sees("✗ is required"), Press("shift+tab")])
        await carry_out(pilot, [Paste("Not A Name"), Sees("✗ lower-case letters")])
        field(pilot, "name").value = "taken"
        await carry_out(pilot, [Press("tab"), Press("tab"), Press("down"), Press("enter"), Sees("●   small")])
        await carry_out(pilot, [Press("ctrl+n"), Sees("from small v1"), Paste("3"), Sees("must be 1")])
        field(pilot, "topology-control_plane_count").value = ""
        await carry_out(pilot, [Press("ctrl+n"), Sees("paste a list")])
        await carry_out(pilot, [Paste("192.0.2.10 c1\nw1 nowhere"), Sees("✗ line 2"), Press("ctrl+n")])
        assert at(pilot) is Step.NODES  # the line that is left is not lost by going on
        assert "nowhere" in screen_text(pilot)
        await carry_out(pilot, [Sees("1 worker is missing"), Press("ctrl+a"), Press("ctrl+k")])
        await carry_out(pilot, [Paste("w1 192.0.2.77"), Press("ctrl+n"), Sees("Log in with")])
        field(pilot, "ssh_config-username").value = "a b"
        await sees(pilot, "✗ is not a user name")
        field(pilot, "ssh_config-username").value = "root"
        await carry_out(pilot, [Press("tab"), Press("tab"), Paste("/nowhere"), Sees("✗ is needed")])
        await carry_out(pilot, [Paste(harness.KEY.replace("\n", "\r")), Sees("in memory only")])
        await carry_out(pilot, [Press("ctrl+n"), Sees("from small v1")])
        field(pilot, "networking-pod_cidr").value = "10.96.0.0/12"
        await sees(pilot, "✗ 10.96.0.0/16 overlaps")
        pilot.app.screen.query_one("#at-components-cni", Select).value = "calico"
        await carry_out(pilot, [Sees("✗ calico is not available in")])
        await carry_out(pilot, [Press("ctrl+s"), Sees("✗ components.cni")])
        assert "login was not tested" in screen_text(pilot)
        await carry_out(pilot, [Press("ctrl+s"), Sees("✗ components.cni: calico")])
        assert at(pilot) is Step.COMPONENTS
        pilot.app.screen.query_one("#at-components-cni", Select).value = "flannel"
        field(pilot, "networking-pod_cidr").value = ""
        await sees(pilot, "changed by hand; the template")

        # The name, then an address: the server knows what no form can.
        await carry_out(pilot, [Press("ctrl+s"), Sees("name: taken"), Press("ctrl+s")])
        await sees(pilot, "There is a cluster 'taken' already")
        assert at(pilot) is Step.TEMPLATE
        assert pilot.app.focused is field(pilot, "name")
        field(pilot, "name").value = "free"
        await carry_out(pilot, [Press("ctrl+s"), Sees("name: free"), Press("ctrl+s")])
        await sees(pilot, "192.0.2.10 is node control-01 of cluster taken")
        assert at(pilot) is Step.NODES
        assert "nodes.0.ip_address" in crumbs(pilot)

    assert [each["name"] for each in await clusters_of(server)] == ["taken"]


async def test_what_was_left_is_offered_again_without_its_secrets(
    server: harness.Api, state: Path, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.DEBUG, "keelyard.tui")
    nodes = "192.0.2.50 c1"
    actions = through("shop", nodes, 1, key=harness.KEY)[1:]
    async with wizard(server) as pilot:
        await carry_out(pilot, actions[: actions.index(Press("ctrl+t"))])
        await pilot.resize_terminal(300, 80)
        await carry_out(
            pilot, [Press("tab"), Press("tab"), Paste(CANARY), Press("ctrl+y"), Sees("name: shop")]
        )
        assert CANARY not in screen_text(pilot)
        await carry_out(pilot, [Press("ctrl+y"), Sees("jq --rawfile key"), Press("escape")])
        await until(pilot, lambda: isinstance(pilot.app.screen, NewClusterScreen), "the wizard again")
        pilot.app.screen._keep = lambda: None  # killed from here on: nothing else is written

    kept = next(iter(state.rglob("*.json")))
    no_secret_in(state, caplog.text, CANARY, *harness.KEY.splitlines()[1:-1])
    async with wizard(server) as pilot:
        await carry_out(pilot, [Sees("There is a draft"), Sees("Cluster shop, 1 nodes"), Press("y")])
        await sees(pilot, "‹ clusters ‹ shop · step 1 of 7")
        assert field(pilot, "name").value == "shop"
        await carry_out(pilot, [Press("ctrl+n"), Press("ctrl+n"), Sees("192.0.2.50")])
        await carry_out(pilot, [Press("ctrl+n"), Sees("✗ is needed: a file, or pasted")])
        assert field(pilot, "ssh_config-password").value == ""
        await carry_out(pilot, [Press("escape"), Sees("Kept as a draft")])
        await carry_out(pilot, [Press("n"), Sees("There is a draft"), Press("n")])
        await sees(pilot, "‹ clusters ‹ new · step 1 of 7")
        assert field(pilot, "name").value == ""
        await until(pilot, lambda: not kept.exists(), "the draft dropped")


async def test_the_hardening_step_says_what_is_on_and_what_is_left_out(server: harness.Api, state: Path):
    async with wizard(server) as pilot:
        await carry_out(pilot, [Sees("▸Name"), Paste("shop"), *[Press("ctrl+n")] * 5, Sees("LEFT OUT")])
        await carry_out(pilot, [Press("a"), Sees("Which item?"), *map(Press, "ssh"), Sees("linux-5.1")])
        await carry_out(pilot, [Press("down"), Press("enter"), Sees("Reason"), Press("enter")])
        await carry_out(pilot, [Sees("✗ is needed: why"), Paste("An old client"), Press("enter")])
        await pilot.resize_terminal(160, 40)
        await carry_out(pilot, [Sees("✗ needs hardening."), Press("tab"), Press("space"), Gone("✗ needs")])
        pilot.app.screen.query_one("#at-hardening-level", Select).value = "1"
        await carry_out(pilot, [Press("ctrl+y"), Sees("enable_cis_linux_benchmark: true")])
        shown = " ".join(screen_text(pilot).replace("│", " ").split())
        assert "level: 1 default_deny_network_policies: false exceptions:" in shown
        assert "reason: An old client" in shown


class LosesAnswers(httpx.AsyncBaseTransport):
    """A way to the server that loses the first answer to a creation."""

    def __init__(self) -> None:
        self._way = httpx.AsyncHTTPTransport()
        self.creations = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._way.handle_async_request(request)
        if (request.method, request.url.path) == ("POST", "/api/v1/clusters"):
            self.creations += 1
            if self.creations == 1:
                await response.aread()
                raise httpx.ReadError("the answer was lost", request=request)
        return response

    async def aclose(self) -> None:
        await self._way.aclose()


async def test_a_lost_answer_and_a_double_press_make_one_cluster(server: harness.Api):
    way = LosesAnswers()
    actions = through("shop", "192.0.2.50 c1", 1, key=harness.KEY, lab=False)[1:]
    async with wizard(server, transport=way) as pilot:
        await carry_out(pilot, actions[: actions.index(Press("ctrl+t"))])
        await carry_out(pilot, [Press("ctrl+s"), Sees("as YAML"), Press("ctrl+s")])
        told = pilot.app._notifications
        await until(pilot, lambda: any("Press ctrl+s again" in one.message for one in told), "the loss told")
        await carry_out(pilot, [Press("ctrl+s"), Press("ctrl+s"), Sees("provision shop")])

    assert way.creations >= 2
    assert [each["name"] for each in await clusters_of(server)] == ["shop"]
    jobs = (await (await server.admin()).get("/api/v1/jobs")).json()["data"]
    assert len(jobs) == 1
