"""The guard on the node: what it does to a control plane's files when the API returns, when it does not, and after a reboot."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tests.unit.roles.loading import ROLES, load, module, shared


class World:
    """A node whose kubelet follows the manifests at once, with a clock of its own."""

    def __init__(self, home: Path) -> None:
        self.home, self.now, self.pids = home, 1000.0, 100
        self.manifest, self.policy = home / "manifests" / "kube-apiserver.yaml", home / "policy.yaml"
        self.manifest.parent.mkdir()
        self.manifest.write_text("old")
        self.policy.write_text("old policy")
        self.running: tuple[str, int, float] = ("old", 100, 10.0)
        self.ended: list[int] = []
        self.stops_answering = False
        self.kubelet_started, self.commands = 5.0, list[str]()

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def clock_gettime(self, _: int) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now

    def processes(self, component: str) -> dict[int, float]:
        """A changed manifest is a new process; a wrong one ends before anybody sees it."""
        if component == "kubelet":
            return {2: self.kubelet_started}
        if component != "kube-apiserver":
            return {1: 10.0}
        text = self.manifest.read_text()
        if text != self.running[0] or self.running[1] in self.ended or "--wrong" in text:
            self.pids += 1
            self.running = (text, self.pids, self.now)
        return {self.running[1]: self.running[2]} if "--wrong" not in text else {}

    def attempts(self, component: str) -> dict[str, int]:
        return {"pod": self.pids} if component == "kube-apiserver" else {}

    def answers(self, url: str) -> bool:
        if ":6443" not in url:
            return True
        text = self.manifest.read_text()
        return "--wrong" not in text and "--deaf" not in text and not self.stops_answering

    def run(self, *command: str) -> str:
        self.commands.append(" ".join(command))
        return f"pod-of-{command[-1].partition('=')[2]}\n" if command[1] == "pods" else ""

    def kill(self, pid: int, _: int) -> None:
        self.ended.append(pid)

    def plan(self, text: str = "", policy: str = "", seconds: int = 30) -> None:
        files = [("/manifests/kube-apiserver.yaml", text)] if text else []
        files += [("/policy.yaml", policy)] if policy else []
        entries = [
            {"path": f"{self.home}{path}", "content": content, "mode": "0600"} for path, content in files
        ]
        components, restart = ["kube-apiserver"] if text else [], ["kube-apiserver"] if policy else []
        shared("keelyard_static_pods").stage(
            str(self.home), entries, components, restart, "192.0.2.11", seconds
        )


@pytest.fixture
def code() -> ModuleType:
    return load(ROLES / "kube_hardening" / "files" / "static_pods_guard.py")


@pytest.fixture
def world(code: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    made = World(tmp_path)
    clock = SimpleNamespace(
        sleep=made.sleep, monotonic=made.monotonic, clock_gettime=made.clock_gettime, CLOCK_BOOTTIME=7
    )
    monkeypatch.setattr(code, "time", clock)
    monkeypatch.setattr(code, "processes", made.processes)
    monkeypatch.setattr(code, "attempts", made.attempts)
    monkeypatch.setattr(code, "answers", made.answers)
    monkeypatch.setattr(code, "last_words", lambda component: f"{component} complained")
    monkeypatch.setattr(code, "run", made.run)
    monkeypatch.setattr(code.os, "kill", made.kill)
    return made


def test_a_change_that_runs_stays_and_leaves_nothing_behind(code, world):
    world.plan("new", "new policy")

    status = code.work(str(world.home))

    assert status == {"state": "done", "reason": ""}
    assert (world.manifest.read_text(), world.policy.read_text()) == ("new", "new policy")
    assert world.manifest.stat().st_mode & 0o777 == 0o600
    left = {path.name for path in world.home.iterdir()}
    assert left == {"manifests", "policy.yaml", "status.json", "before.json"}
    assert [path.name for path in world.manifest.parent.iterdir()] == ["kube-apiserver.yaml"]


def test_a_wrong_flag_is_taken_back_with_what_the_component_said(code, world):
    world.plan("new --wrong", "new policy")

    status = code.work(str(world.home))

    assert status["state"] == "rolled-back"
    assert "started 4 times and ended each time: kube-apiserver complained" in status["reason"]
    assert (world.manifest.read_text(), world.policy.read_text()) == ("old", "old policy")


def test_an_api_that_runs_and_does_not_answer_is_taken_back_in_time(code, world):
    world.plan("new --deaf", seconds=30)

    status = code.work(str(world.home))

    assert status["state"] == "rolled-back"
    assert "did not come back within 30 s" in status["reason"]
    assert world.manifest.read_text() == "old"


def test_a_file_alone_has_the_api_server_started_anew(code, world):
    world.plan(policy="new policy")

    assert code.work(str(world.home))["state"] == "done"
    assert world.ended == [100]
    assert world.policy.read_text() == "new policy"


def test_a_file_that_was_not_there_goes_again(code, world):
    world.policy.unlink()
    world.plan("new --wrong", "new policy")

    code.work(str(world.home))

    assert not world.policy.exists()


def test_a_control_plane_that_comes_back_with_neither_is_said_to_be_stuck(code, world):
    world.stops_answering = True
    world.plan("new")

    status = code.work(str(world.home))

    assert status["state"] == "stuck"
    assert status["again"]


def cut_off(code: ModuleType, world: World, monkeypatch: pytest.MonkeyPatch, step: str) -> dict[str, Any]:
    """A guard that is killed while its state is `step`; the state it leaves."""
    wait = code.await_health

    def killed(*arguments: Any) -> str:
        state = json.loads((world.home / "status.json").read_text())["state"]
        return pytest.fail("killed") if state == step else wait(*arguments)

    with monkeypatch.context() as patched, pytest.raises(BaseException, match="killed"):
        patched.setattr(code, "await_health", killed)
        code.work(str(world.home))
    return json.loads((world.home / "status.json").read_text())


def test_a_reboot_in_between_is_taken_up_where_it_was(code, world, monkeypatch):
    world.plan("new --wrong")
    status = cut_off(code, world, monkeypatch, "applying")
    assert world.manifest.read_text() == "new --wrong"
    (world.home / "status.json").write_text(json.dumps({**status, "boot": "another boot"}))

    assert code.work(str(world.home))["state"] == "rolled-back"
    assert world.manifest.read_text() == "old"
    assert world.commands != []


def test_a_kubelet_that_has_not_met_an_api_server_is_started_anew_without_the_pods_it_would_not_end(
    code, world
):
    world.kubelet_started = world.now + 5
    world.plan("new --wrong")

    assert code.work(str(world.home))["state"] == "rolled-back"
    assert world.commands == [
        "systemctl stop kubelet.service",
        "crictl pods --quiet --namespace kube-system --label component=kube-apiserver",
        "crictl rmp --force pod-of-kube-apiserver",
        "systemctl start kubelet.service",
    ]


def test_a_kubelet_that_knows_its_api_server_is_left_to_itself(code, world):
    world.plan("new --wrong")

    assert code.work(str(world.home))["state"] == "rolled-back"
    assert world.commands == []


def test_a_guard_that_is_killed_is_followed_by_one_that_has_the_rest_of_the_time(code, world, monkeypatch):
    world.plan("new --deaf", seconds=60)
    began = cut_off(code, world, monkeypatch, "applying")["since"]
    world.now += 40

    assert code.work(str(world.home))["state"] == "rolled-back"
    assert world.manifest.read_text() == "old"
    assert world.now - began < 60 + 20


def test_a_guard_that_comes_late_to_a_change_that_runs_leaves_it(code, world, monkeypatch):
    world.plan("new")
    cut_off(code, world, monkeypatch, "applying")
    world.processes("kube-apiserver")
    world.now += 1000

    assert code.work(str(world.home))["state"] == "done"
    assert world.manifest.read_text() == "new"


def test_a_change_that_is_being_taken_back_is_not_tried_again(code, world, monkeypatch):
    world.plan("new --wrong")
    cut_off(code, world, monkeypatch, "restoring")
    world.manifest.write_text("old, by hand")
    placed: list[str] = []
    put = code.put
    monkeypatch.setattr(code, "put", lambda *arguments: placed.append(arguments[0]) or put(*arguments))

    status = code.work(str(world.home))

    assert status["state"] == "rolled-back"
    assert "started 4 times" in status["reason"]
    assert [path for path in placed if "staged" in path] == []
    assert world.manifest.read_text() == "old"


@pytest.mark.parametrize("text", ["new", "new --wrong"])
def test_a_guard_that_was_killed_after_its_verdict_only_has_to_tidy_up(code, world, monkeypatch, text):
    world.plan(text)
    with monkeypatch.context() as patched, pytest.raises(BaseException, match="killed"):
        patched.setattr(code.os, "unlink", lambda _: pytest.fail("killed"))
        code.work(str(world.home))
    before = world.manifest.read_text(), world.running, world.now

    status = code.work(str(world.home))

    assert status["state"] == ("done" if text == "new" else "rolled-back")
    assert (world.manifest.read_text(), world.running, world.now) == before
    assert not (world.home / "plan.json").exists()


def test_without_a_plan_nothing_is_done(code, world):
    assert code.work(str(world.home)) is None


def test_files_that_are_as_wanted_are_no_change(tmp_path):
    differing = shared("keelyard_static_pods").differing
    path = tmp_path / "a"
    path.write_text("x\n")
    path.chmod(0o600)
    entry = {"path": str(path), "content": "x\n", "mode": "0600"}

    assert differing([entry]) == []
    assert differing([entry | {"content": "y\n"}])[0]["before"] == "x\n"
    path.chmod(0o644)
    assert len(differing([entry])) == 1
    assert differing([entry | {"path": str(tmp_path / "b")}])[0]["before"] is None


class RefusedError(Exception):
    """What fail_json becomes here."""


class Module:
    def fail_json(self, msg: str, **_: object) -> None:
        raise RefusedError(msg)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (
            {"state": "rolled-back", "reason": "unknown flag: --wrong"},
            "put the old one back, which runs again: unknown flag",
        ),
        ({"state": "stuck", "reason": "a", "again": "b"}, "not with the old one either"),
        (None, "the guard did not finish"),
    ],
)
def test_the_run_fails_with_the_nodes_verdict(monkeypatch, tmp_path, status, said):
    code = shared("keelyard_static_pods")
    monkeypatch.setattr(code, "HOME", str(tmp_path))
    monkeypatch.setattr(code, "start", lambda _: None)
    monkeypatch.setattr(code, "await_end", lambda *_: status)

    with pytest.raises(RefusedError, match=said):
        code.change(Module(), [], [], [], "192.0.2.11", 30)


def test_modes_are_only_ever_tightened(tmp_path):
    wrong = module("tight_files", "kube_hardening").wrong
    path = tmp_path / "a"
    path.write_text("")

    def mode(bits: int, most: str) -> object:
        path.chmod(bits)
        return wrong(str(path), {"mode": most})

    assert mode(0o644, "0600") == ("mode", 0o600)
    assert mode(0o400, "0600") is None
    assert mode(0o755, "0644") == ("mode", 0o644)
    assert wrong(str(tmp_path), {"mode": "0600"}) is None
    (tmp_path / "link").symlink_to(path)
    assert wrong(str(tmp_path / "link"), {"mode": "0600"}) is None


def test_an_owner_that_does_not_exist_is_no_reason(tmp_path):
    wrong = module("tight_files", "kube_hardening").wrong
    path = tmp_path / "a"
    path.write_text("")
    own = (path.stat().st_uid, path.stat().st_gid)

    assert wrong(str(path), {"owner": "etcd"}, lambda _: None) is None
    assert wrong(str(path), {"owner": "etcd"}, lambda _: own) is None
    assert wrong(str(path), {"owner": "etcd"}, lambda _: (12345, 12345)) == ("owner", (12345, 12345))


def test_only_accounts_that_give_tokens_are_changed():
    giving = module("default_accounts", "kube_hardening").giving
    accounts = [("a", None), ("b", False), ("c", True)]
    items = [
        {"metadata": {"namespace": name}, "automountServiceAccountToken": value} for name, value in accounts
    ]

    assert giving({"items": items}) == ["a", "c"]


def test_a_tighter_mode_that_hardening_gave_a_file_is_kept(tmp_path):
    bring = module("managed_files").bring
    path = tmp_path / "a"
    path.write_text("x\n")
    path.chmod(0o600)

    def difference(content: str, **more: bool) -> object:
        return bring({"path": str(path), "content": content, **more}, None, check=False)

    assert difference("x\n", keep_tighter=True) is None
    assert difference("y\n", keep_tighter=True)
    assert path.stat().st_mode & 0o777 == 0o600
    assert difference("y\n")
    assert path.stat().st_mode & 0o777 == 0o644
