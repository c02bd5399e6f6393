"""The shape that the engine and the operator rely on: phases, tags, argument specs, number of tasks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.roles.loading import PLAYBOOKS, ROLES

TASK_BUDGET = 250
HARDENING = {"node_hardening", "kube_hardening"}  # one task an item, by design
OURS = sorted(path.name for path in ROLES.iterdir() if (path / "meta" / "argument_specs.yml").exists())


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def plays_of(playbook: str) -> list[dict[str, Any]]:
    """The plays of a playbook in their order, those it imports included."""
    found: list[dict[str, Any]] = []
    for play in read(PLAYBOOKS / playbook):
        imported = play.get("ansible.builtin.import_playbook")
        found += plays_of(imported) if imported else [play]
    return found


def count(tasks: list[dict[str, Any]]) -> int:
    return sum(1 + sum(count(task.get(part, [])) for part in ("block", "rescue", "always")) for task in tasks)


@pytest.mark.parametrize(
    "playbook", ["provision.yml", "deprovision.yml", "harden.yml", "rotate-encryption-key.yml", "scan.yml"]
)
def test_every_play_is_a_phase_with_one_tag_and_discover_runs_always(playbook):
    plays = plays_of(playbook)

    tags = [play["tags"] for play in plays]
    assert tags[0] == ["always"]
    assert all(len(own) == 1 for own in tags)
    assert len({own[0] for own in tags}) == len(plays)
    assert all("handlers" not in play and "roles" not in play for play in plays)
    # What a play says about itself; roles are told nothing by it.
    assert all(set(play.get("vars", {})) <= {"keelyard_needs_control_plane"} for play in plays)


def test_the_phases_of_provisioning_come_in_their_order():
    slugs = [play["tags"][0] for play in read(PLAYBOOKS / "provision.yml")]

    assert slugs[1:] == [
        "preflight", "prepare", "harden-nodes", "containerd", "packages", "harden-control-plane", "init", "join",
        "cni", "kubeconfig", "harden-cluster", "verify",
    ]  # fmt: skip


def test_all_roles_together_stay_within_the_task_budget():
    paths = [path for path in ROLES.glob("*/tasks/*.yml") if path.parts[-3] not in HARDENING]
    total = sum(count(read(path)) for path in paths)

    assert total < TASK_BUDGET


@pytest.mark.parametrize("role", OURS)
def test_defaults_and_argument_specs_name_the_same_variables(role):
    options = read(ROLES / role / "meta" / "argument_specs.yml")["argument_specs"]["main"]["options"]
    path = ROLES / role / "defaults" / "main.yml"
    defaults = read(path) if path.exists() else {}

    assert set(defaults) <= set(options)
    assert all(name.startswith(f"{role}_") for name in options)
    optional = [name for name, option in options.items() if not option.get("required")]
    assert [name for name in optional if name not in defaults] == []


@pytest.mark.parametrize("role", OURS)
def test_the_readme_tells_every_variable(role):
    options = read(ROLES / role / "meta" / "argument_specs.yml")["argument_specs"]["main"]["options"]
    text = (ROLES / role / "README.md").read_text()

    assert [name for name in options if f"`{name}`" not in text] == []


@pytest.mark.parametrize("family", ["Debian", "RedHat"])
@pytest.mark.parametrize(
    "role_file", ["containerd/tasks/upstream", "kube_packages/tasks/upstream", "node_prepare/tasks/tools"]
)
def test_every_family_has_its_own_branch(family, role_file):
    assert (ROLES / f"{role_file}_{family}.yml").exists()


def test_the_bundle_digest_and_the_machine_id_reach_the_roles():
    mapping = read(PLAYBOOKS / "group_vars" / "all.yml")

    required = [
        name
        for role in OURS
        for name, option in read(ROLES / role / "meta" / "argument_specs.yml")["argument_specs"]["main"][
            "options"
        ].items()
        if option.get("required") and not role.startswith("lab_")
    ]
    assert [name for name in required if name not in mapping] == []
