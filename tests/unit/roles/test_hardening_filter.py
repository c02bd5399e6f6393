"""Which items of a hardening catalogue are applied to a node."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError

from tests.unit.roles.loading import PLAYBOOKS, load

on = load(PLAYBOOKS / "filter_plugins" / "hardening.py", "keelyard_tested_hardening_filter").hardening_on

CATALOGUE = {
    "linux-1.1": {"title": "everywhere", "numbers": {"debian13": "1.1", "rhel9": "1.2", "rocky9": "1.2"}},
    "linux-1.2": {"title": "adapted", "disposition": "adapted", "reason": "r", "level": 2},
    "linux-1.3": {"title": "told only", "disposition": "reported", "reason": "r"},
    "linux-1.4": {"title": "would break", "disposition": "omitted", "reason": "r"},
    "lynis-X-1": {"title": "of no benchmark"},
}


def test_what_is_only_told_or_would_break_is_not_applied():
    assert on(CATALOGUE, "debian12", 2, []) == ["linux-1.1", "linux-1.2", "lynis-X-1"]


def test_a_level_leaves_those_above_it_out():
    assert on(CATALOGUE, "debian12", "1", []) == ["linux-1.1", "lynis-X-1"]


def test_a_level_is_that_of_the_systems_own_benchmark():
    numbers = {"debian13": "3.2.3", "rocky9": "3.2.1"}
    catalogue = {"linux-3.2.1": {"title": "t", "level": 2, "levels": {"debian13": 1}, "numbers": numbers}}

    found = [on(catalogue, system, 1, []) for system in ("debian12", "debian13", "rocky9")]

    assert found == [[], ["linux-3.2.1"], []]


def test_a_system_has_the_items_that_are_numbered_for_it():
    assert on(CATALOGUE, "rhel9", 2, []) == ["linux-1.1", "lynis-X-1"]
    assert on(CATALOGUE, "ubuntu22", 2, []) == ["lynis-X-1"]


def test_an_exception_turns_an_item_off_and_those_of_other_catalogues_are_none_of_its_business():
    assert on(CATALOGUE, "debian12", 2, ["linux-1.1", "kubernetes-1.2.1"]) == ["linux-1.2", "lynis-X-1"]


def test_an_exception_that_names_no_item_is_refused():
    with pytest.raises(AnsibleFilterError, match=r"linux-9\.9"):
        on(CATALOGUE, "debian12", 2, ["linux-9.9"])


def test_kubernetes_items_are_for_every_system():
    assert on({"kubernetes-1.1.1": {"title": "t"}}, "rocky9", 1, []) == ["kubernetes-1.1.1"]
