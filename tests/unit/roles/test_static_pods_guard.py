"""The guard on the node: what it does to a control plane's files when the API returns, when it does not, and after a reboot."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType, SimpleNamespace

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

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def clock_gettime(self, _: int) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now

    def processes(self, component: str) -> dict[int, float]:
        """A changed manifest is a new process; a wrong one ends before anybody sees it."""
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


def test_a_reboot_in_between_is_taken_up_where_it_was(code, world, monkeypatch):
    world.plan("new --wrong")
    monkeypatch.setattr(code, "await_health", lambda *_: pytest.fail("power failure"))
    with pytest.raises(BaseException, match="power failure"):
        code.work(str(world.home))
    monkeypatch.undo()
    assert world.manifest.read_text() == "new --wrong"
    for name, fake in (
        ("processes", world.processes),
        ("attempts", world.attempts),
        ("answers", world.answers),
        ("last_words", str),
    ):
        monkeypatch.setattr(code, name, fake)
    clock = SimpleNamespace(
        sleep=world.sleep, monotonic=world.monotonic, clock_gettime=world.clock_gettime, CLOCK_BOOTTIME=7
    )
    monkeypatch.setattr(code, "time", clock)
    status = json.loads((world.home / "status.json").read_text())
    (world.home / "status.json").write_text(json.dumps({**status, "boot": "another boot"}))

    assert code.work(str(world.home))["state"] == "rolled-back"
    assert world.manifest.read_text() == "old"


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


@pytest.fixture
def keys() -> ModuleType:
    return module("encryption_keys", "kube_hardening")


ONE, TWO = ("key-20260101-1", "c2VjcmV0IG9uZQ=="), ("key-20260102-1", "c2VjcmV0IHR3bw==")


def test_the_file_of_keys_is_read_as_it_was_written(keys):
    text = keys.document([ONE, TWO])

    assert keys.keys(text) == [ONE, TWO]
    assert text.index("secretbox") < text.index("identity")
    assert keys.keys("") == []


def test_a_rotation_goes_from_one_key_to_the_next_and_can_be_taken_up_anywhere(keys):
    added = keys.added([ONE])
    promoted = keys.promoted(added)

    assert added[0] == ONE
    assert added[1][0] not in (ONE[0], "")
    assert keys.added(added) == added
    assert promoted == [added[1], ONE]
    assert keys.promoted(promoted) == promoted
    assert keys.added(promoted) == promoted


def test_two_rotations_of_a_day_have_keys_in_their_order(keys):
    name = keys.new_key()[0]
    later = keys.new_key({name})[0]

    assert (name[-2:], later[-2:]) == ("-1", "-2")
    many = [(f"key-20260101-{number}", "") for number in (2, 10, 9)]
    assert [pair[0] for pair in keys.promoted(many)] == [
        "key-20260101-10",
        "key-20260101-9",
        "key-20260101-2",
    ]


def test_it_is_seen_in_etcd_which_key_a_secret_lies_under(keys):
    assert keys.under(b"k8s:enc:secretbox:v1:key-20260101-1:\x00\xff") == "key-20260101-1"
    assert keys.under(b"k8s\x00\n\x0c\n\x02v1\x12\x06Secret") == ""
    assert keys.under(b"k8s:enc:aescbc:v1:key1:...") == ""


def test_an_older_key_is_kept_while_a_secret_needs_it(keys, monkeypatch):
    asked = Module()
    asked.check_mode = False
    monkeypatch.setattr(keys, "stale", lambda *_: [("a", "b")])

    with pytest.raises(RefusedError, match="so it is kept"):
        keys.turn_to(asked, "dropped", [TWO, ONE])


def test_secrets_are_rewritten_until_none_is_left_and_only_those_that_need_it(keys, monkeypatch):
    asked = Module()
    asked.check_mode = False
    left = {("a", "one"), ("b", "two"), ("b", "busy")}
    written: list[list[str]] = []
    everything = [
        {"metadata": {"namespace": ns, "name": name}} for ns, name in [*sorted(left), ("c", "done")]
    ]

    def kubectl(_: object, verb: str, *__: str, data: str | None = None) -> tuple[int, str, str]:
        if verb == "get":
            return 0, json.dumps({"items": everything}), ""
        places = [
            (item["metadata"]["namespace"], item["metadata"]["name"])
            for item in json.loads(data or "")["items"]
        ]
        written.append([name for _, name in places])
        # One is changed by somebody else just then, and is written by the next turn.
        left.difference_update(place for place in places if place[1] != "busy" or len(written) > 1)
        return 1, "", "conflict"

    monkeypatch.setattr(keys, "kubectl", kubectl)
    monkeypatch.setattr(keys, "stale", lambda *_: sorted(left))

    assert keys.rewrite(asked, TWO[0]) == 3
    assert written == [["one", "busy", "two"], ["busy"]]


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
