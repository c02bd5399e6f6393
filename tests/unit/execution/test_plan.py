from pathlib import Path

import pytest

from engine import content
from engine.domain.errors import NotFound
from engine.execution import plan

PLAYBOOK = """
- name: Discover
  hosts: all
  tags: [always]
- name: Check the nodes
  hosts: k8s_cluster
  tags: [preflight]
  vars: {secret: !vault "x", text: !unsafe "{{ y }}"}
- import_playbook: more.yml
- name: Only when asked
  hosts: all
  tags: [never, wipe]
- hosts: kube_node:!kube_control_plane
"""


@pytest.fixture
def playbook(tmp_path: Path) -> Path:
    (tmp_path / "site.yml").write_text(PLAYBOOK)
    (tmp_path / "more.yml").write_text("- {name: More, hosts: [a, b], tags: more}\n")
    return tmp_path / "site.yml"


def test_plays_are_phases_with_their_tag_as_slug_and_always_and_never_are_not(playbook: Path) -> None:
    assert plan.phases(playbook) == [
        plan.Phase("preflight", "Check the nodes", "k8s_cluster"),
        plan.Phase("more", "More", "a,b"),
        plan.Phase(
            "kube-node-kube-control-plane", "kube_node:!kube_control_plane", "kube_node:!kube_control_plane"
        ),
    ]


def test_remaining_starts_at_the_first_unfinished_phase_and_keeps_the_order(playbook: Path) -> None:
    phases = plan.phases(playbook)
    last = phases[-1].slug
    assert plan.remaining(phases, {"preflight", last}) == ("more", last)
    assert plan.remaining(phases, set()) == tuple(phase.slug for phase in phases)
    assert plan.remaining(phases, {phase.slug for phase in phases}) == ()


def test_a_missing_playbook_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"nothing\.yml"):
        plan.phases(tmp_path / "nothing.yml")


@pytest.mark.parametrize("name", ["provision", "deprovision"])
def test_every_phase_of_the_products_playbooks_has_a_name_and_a_slug_of_its_own(name: str) -> None:
    phases = plan.phases(content.playbooks() / f"{name}.yml")
    assert phases
    assert len({phase.slug for phase in phases}) == len(phases)
    assert len({phase.name for phase in phases}) == len(phases)
