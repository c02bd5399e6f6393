"""What is kept about labs, and what is made of it for others."""

from __future__ import annotations

import fcntl
import json
import os
import threading
from pathlib import Path
from types import ModuleType

import pytest

from engine.domain import errors
from engine.lab import lifecycle, play, records, spec


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> records.Lab:
    monkeypatch.setenv("KEELYARD_HOME", str(tmp_path))
    home = records.directory("demo")
    kept = records.Lab(
        name="demo",
        system="debian12",
        subnet="10.200.1.0/24",
        bridge="kl-demo-0000",
        user="root",
        private_key=str(home / "key"),
        known_hosts=str(home / "known_hosts"),
        nodes=[records.LabNode(name=f"demo-{n}", address=f"10.200.1.{10 + n}") for n in (1, 2, 3)],
    )
    records.save(kept)
    (home / "key").write_text("a private key\n")
    return kept


def test_a_lab_is_read_as_it_was_written(lab: records.Lab):
    assert records.load("demo") == lab
    assert records.load_all() == [lab]
    assert (records.directory("demo") / "lab.json").stat().st_mode & 0o777 == 0o600


def test_an_unknown_lab_is_not_found(lab: records.Lab):
    assert records.find("other") is None
    with pytest.raises(errors.NotFound, match="no lab 'other'"):
        records.load("other")


@pytest.mark.parametrize(
    "name", ["", "Lab", "-lab", "lab-", "1lab", "a b", "a/b", "..", "{{ 7*7 }}", "$(id)", "a" * 31, "a\n"]
)
def test_names_that_cannot_be_host_names_are_refused(name: str):
    with pytest.raises(errors.InvalidSpec) as refused:
        records.check_name(name)
    assert refused.value.problems[0].field == "name"


def test_a_locked_directory_is_waited_for_even_if_its_holder_removes_it(tmp_path: Path):
    target, entered = tmp_path / "lab", threading.Event()

    def second() -> None:
        with records.locked(target):
            assert target.is_dir()
            entered.set()

    with records.locked(target):
        waiting = threading.Thread(target=second)
        waiting.start()
        assert not entered.is_set()
        target.rmdir()
    waiting.join(timeout=30)
    assert entered.is_set()


@pytest.mark.parametrize(("module", "moment"), [(os, "open"), (fcntl, "flock")])
def test_a_directory_removed_while_it_is_being_locked_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: ModuleType, moment: str
):
    target, removals = tmp_path / "lab", []
    asked = getattr(module, moment)

    def remove_once(*arguments: object) -> object:
        if not removals:
            removals.append(target.rmdir())
        return asked(*arguments)

    monkeypatch.setattr(module, moment, remove_once)
    with records.locked(target):
        assert target.is_dir()
    assert removals == [None]


def test_a_directory_removed_while_it_is_found_to_be_there_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    target, removals, make = tmp_path / "lab", [], os.mkdir
    target.mkdir()

    def gone_once(path: Path, mode: int = 0o777) -> None:
        try:
            make(path, mode)
        except FileExistsError:
            if Path(path) == target and not removals:
                removals.append(target.rmdir())
            raise

    monkeypatch.setattr(os, "mkdir", gone_once)
    with records.locked(target):
        assert target.is_dir()
    assert removals == [None]


def test_a_file_in_place_of_the_directory_is_refused(tmp_path: Path):
    target = tmp_path / "lab"
    target.write_text("not a directory")
    with pytest.raises(NotADirectoryError), records.locked(target):
        pytest.fail("locked a file")


def test_a_lab_that_is_refused_leaves_no_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("KEELYARD_HOME", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(errors.InvalidSpec, match="too many"):
        lifecycle.up("demo", nodes=240_000)
    assert list(tmp_path.rglob("*demo*")) == []


def test_an_ordinary_user_is_told_that_a_lab_needs_root(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(errors.KeelyardError, match="needs root"):
        lifecycle.up("demo")


def test_the_inventory_groups_the_first_nodes_as_control_planes(lab: records.Lab):
    made = spec.inventory("demo", variables={"keelyard_cni": "bridge"})
    groups = made["all"]["children"]["k8s_cluster"]["children"]
    assert list(groups["kube_control_plane"]["hosts"]) == ["demo-1"]
    assert list(groups["kube_node"]["hosts"]) == ["demo-2", "demo-3"]
    assert groups["kube_node"]["hosts"]["demo-2"]["ansible_host"] == "10.200.1.12"
    assert made["all"]["vars"]["keelyard_lab"] is True
    assert made["all"]["vars"]["keelyard_cni"] == "bridge"


def test_the_inventory_says_where_the_key_lies_only_when_asked(lab: records.Lab):
    assert "key" not in json.dumps(spec.inventory("demo")).replace("keelyard", "")
    assert (
        spec.inventory("demo", connect=True)["all"]["vars"]["ansible_ssh_private_key_file"] == lab.private_key
    )


def test_the_create_request_counts_the_nodes_and_carries_the_key(lab: records.Lab):
    body = spec.create_request("demo", "first", kubernetes_version="1.36.1")
    assert body["name"] == "first"
    assert body["topology"] == {"ha": False, "control_plane_count": 1, "worker_count": 2}
    assert [node["role"] for node in body["nodes"]] == ["control-plane", "worker", "worker"]
    assert body["ssh_config"]["private_key"] == "a private key\n"


@pytest.mark.parametrize("control_planes", [0, 4])
def test_more_control_planes_than_nodes_are_refused(lab: records.Lab, control_planes: int):
    with pytest.raises(errors.InvalidSpec, match="1 to 3 can be control planes"):
        spec.inventory("demo", control_planes)


def test_a_failed_task_is_told_by_its_name_and_its_own_words():
    events = [
        {"_event": "v2_playbook_on_task_start", "task": {"name": "lab_node : Start the nodes"}},
        {
            "_event": "v2_runner_on_failed",
            "task": {"name": "lab_node : Start the nodes"},
            "hosts": {"localhost": {"msg": "non-zero return code", "stderr": "no room\n"}},
        },
    ]
    told: list[str] = []
    failure, rest = play._follow([json.dumps(event) for event in events] + ["noise\n"], told.append)
    assert told == ["Start the nodes"]
    assert failure == "Lab: 'Start the nodes' failed: no room"
    assert rest == "noise\n"
