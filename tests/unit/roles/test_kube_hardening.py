"""Hardening of Kubernetes: the catalogue, what it puts into kubeadm's and the kubelet's configurations, and the files it writes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from engine.domain.hardening import Disposition, Item
from tests.unit.roles.loading import PLAYBOOKS, ROLES, load, render
from tests.unit.roles.test_templates import INIT, documents

ROLE = ROLES / "kube_hardening"
FILTERS = load(PLAYBOOKS / "filter_plugins" / "kube_hardening.py")
CATALOGUE: dict[str, Any] = {
    id_: item
    for path in sorted((ROLE / "catalogue").glob("*.yml"))
    for id_, item in yaml.safe_load(path.read_text()).items()
}
#: How many checks each section of cis-1.12 has.
SECTIONS = {
    "1.1": 21, "1.2": 30, "1.3": 7, "1.4": 2, "2": 7, "3.1": 3, "3.2": 2, "4.1": 10, "4.2": 14, "4.3": 1,
    "5.1": 13, "5.2": 12, "5.3": 2, "5.4": 2, "5.5": 1, "5.6": 4,
}  # fmt: skip
WANTED = [
    "kube_hardening_on", "kube_hardening_kubeadm", "kube_hardening_kubelet_settings", "kube_hardening_files",
    "kube_hardening_wants_encryption", "kube_hardening_flags", "kube_hardening_volumes",
    "kube_hardening_kubelet", "kube_hardening_modes", "kube_hardening_approver_files",
]  # fmt: skip
CASES: dict[str, dict[str, Any]] = {
    "all": {},
    "first_level": {"kube_hardening_level": 1},
    "excepted": {
        "kube_hardening_exceptions": [
            {"id": f"kubernetes-{number}", "reason": "ours to decide"}
            for number in ("1.2.1", "1.2.9", "1.2.16", "1.2.27", "1.2.28", "1.2.29", "4.2.13")
        ]
    },
}


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """The role's variables, as Ansible itself fills them in: case → name → value."""
    home = tmp_path_factory.mktemp("rendered")
    for folder in ("templates", "files"):  # where lookups in the role's variables look outside of the role
        (home / folder).symlink_to(ROLE / folder)
    told = {
        "kube_hardening_leader": "n1",
        "kube_hardening_nodes": {"n1": ["192.0.2.11"]},
        "kube_hardening_catalogue": CATALOGUE,
        "discover_node": {"address": "192.0.2.11"},
    }
    content = "{{ {" + ", ".join(f"'{name}': {name}" for name in WANTED) + "} }}"
    tasks = [{"ansible.builtin.debug": {"msg": content}, "vars": settings} for settings in CASES.values()]
    variables = {**yaml.safe_load((ROLE / "defaults" / "main.yml").read_text()), **told}
    play = {"hosts": "localhost", "gather_facts": False, "vars": variables, "tasks": tasks}
    (home / "play.yml").write_text(yaml.safe_dump([play | {"vars_files": [str(ROLE / "vars" / "main.yml")]}]))
    program = Path(sys.executable).with_name("ansible-playbook")
    environment = {
        **os.environ,
        "ANSIBLE_CONFIG": str(ROLES.parent / "ansible.cfg"),
        "ANSIBLE_FILTER_PLUGINS": str(PLAYBOOKS / "filter_plugins"),
        "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
    }
    command = [str(program), "-i", "localhost,", "-c", "local", str(home / "play.yml")]
    done = subprocess.run(command, env=environment, cwd=home, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    ran = json.loads(done.stdout[done.stdout.index("{") :])["plays"][0]["tasks"]
    return {case: task["hosts"]["localhost"]["msg"] for case, task in zip(CASES, ran, strict=True)}


def flags(rendered: dict[str, Any], component: str) -> dict[str, str]:
    found = rendered["kube_hardening_kubeadm"]
    found = found["etcd"]["local"] if component == "etcd" else found[component]
    return {flag["name"]: flag["value"] for flag in found["extraArgs"]}


def contents(rendered: dict[str, Any]) -> dict[str, Any]:
    return {Path(entry["path"]).name: entry["content"] for entry in rendered["kube_hardening_files"]}


def test_the_catalogue_has_every_check_once_with_a_reason_where_one_is_due():
    items = {id_: msgspec.convert(item, Item) for id_, item in CATALOGUE.items()}

    sections = Counter(id_.removeprefix("kubernetes-").rpartition(".")[0] for id_ in items)
    assert sections == SECTIONS
    assert len(items) == 131
    assert [
        id_ for id_, item in items.items() if (item.disposition is Disposition.APPLIED) == bool(item.reason)
    ] == []


def test_every_setting_belongs_to_items_that_are_carried_out(rendered):
    found = rendered["all"]
    settings = [
        *found["kube_hardening_kubelet"],
        *found["kube_hardening_modes"],
        *found["kube_hardening_volumes"],
    ]
    settings += [flag for entries in found["kube_hardening_flags"].values() for flag in entries]

    named = {item for setting in settings for item in setting["items"]}
    assert named <= set(found["kube_hardening_on"])


def test_the_control_plane_gets_what_the_benchmark_scores(rendered):
    api = flags(rendered["all"], "apiServer")

    assert api["profiling"] == "false"
    assert api["enable-admission-plugins"] == "NodeRestriction,EventRateLimit,DenyServiceExternalIPs"
    assert (api["audit-log-maxage"], api["audit-log-maxbackup"], api["audit-log-maxsize"]) == (
        "30",
        "10",
        "100",
    )
    assert api["kubelet-certificate-authority"] == "/etc/kubernetes/pki/ca.crt"
    assert api["service-account-extend-token-expiration"] == "false"
    for component in ("controllerManager", "scheduler"):
        assert flags(rendered["all"], component)["profiling"] == "false"
        assert flags(rendered["all"], component)["tls-min-version"] == "VersionTLS12"
    assert flags(rendered["all"], "etcd")["tls-min-version"] == "TLS1.2"
    assert "CBC" not in json.dumps(rendered["all"]["kube_hardening_kubeadm"])


def test_every_file_that_a_flag_names_is_written_and_mounted(rendered):
    for case in CASES:
        named = {
            Path(value).name
            for value in flags(rendered[case], "apiServer").values()
            if "/hardening/" in value
        }
        made = set(contents(rendered[case]))
        if rendered[case]["kube_hardening_wants_encryption"]:
            made.add("encryption.yaml")
        assert named == made
    mounts = {
        volume["name"]: volume
        for volume in rendered["all"]["kube_hardening_kubeadm"]["apiServer"]["extraVolumes"]
    }
    assert mounts["hardening"]["readOnly"] is True
    assert "items" not in mounts["audit-log"]


def test_an_exception_takes_its_setting_out_and_leaves_the_others(rendered):
    api, kubelet = (
        flags(rendered["excepted"], "apiServer"),
        rendered["excepted"]["kube_hardening_kubelet_settings"],
    )

    gone = ("authentication-config", "audit-log-path", "encryption-provider-config", "tls-cipher-suites")
    assert [name for name in gone if name in api] == []
    assert api["enable-admission-plugins"] == "NodeRestriction,DenyServiceExternalIPs"
    assert "EventRateLimit" not in contents(rendered["excepted"])["admission.yaml"]
    assert "podPidsLimit" not in kubelet
    assert kubelet["serverTLSBootstrap"] is True
    assert "etcd" not in rendered["excepted"]["kube_hardening_kubeadm"]


def test_the_first_level_leaves_the_second_out(rendered):
    assert "eventRecordQPS" in rendered["all"]["kube_hardening_kubelet_settings"]
    assert "eventRecordQPS" not in rendered["first_level"]["kube_hardening_kubelet_settings"]


def test_nobody_without_a_name_is_let_in_but_to_ask_for_health(rendered):
    made = yaml.safe_load(contents(rendered["all"])["authentication.yaml"])

    assert [condition["path"] for condition in made["anonymous"]["conditions"]] == [
        "/livez",
        "/readyz",
        "/healthz",
    ]


def test_pods_are_admitted_by_baseline_except_in_the_systems_namespaces(rendered):
    plugins = {
        plugin["name"]: plugin["configuration"]
        for plugin in yaml.safe_load(contents(rendered["all"])["admission.yaml"])["plugins"]
    }

    policy = plugins["PodSecurity"]
    assert (policy["defaults"]["enforce"], policy["defaults"]["warn"]) == ("baseline", "restricted")
    assert policy["exemptions"]["namespaces"] == ["kube-system", "kube-flannel"]
    assert {limit["type"] for limit in plugins["EventRateLimit"]["limits"]} == {"Server", "Namespace", "User"}


def test_the_audit_log_never_holds_what_is_in_secrets(rendered):
    rules = yaml.safe_load(contents(rendered["all"])["audit-policy.yaml"])["rules"]

    def covers(rule: dict[str, Any]) -> bool:
        return any(
            "secrets" in group.get("resources", ["secrets"])
            for group in rule.get("resources", [{}])
            if not group.get("group")
        )

    first = next(rule for rule in rules if covers(rule) and rule["level"] != "None")
    assert first["level"] == "Metadata"
    assert "secrets" in first["resources"][0]["resources"]
    assert "verbs" not in first


def test_kubeadms_configuration_carries_it_from_the_start(rendered):
    told = rendered["all"]
    extra = {
        "kubeadm_init_extra": told["kube_hardening_kubeadm"],
        "kubeadm_init_kubelet": told["kube_hardening_kubelet_settings"],
    }
    found = documents(render("kubeadm_init", "kubeadm.yaml.j2", **INIT | extra))

    cluster, kubelet = found["ClusterConfiguration"], found["KubeletConfiguration"]
    assert cluster["apiServer"]["certSANs"] == ["192.0.2.11", "n1", "203.0.113.5"]
    assert {"name": "profiling", "value": "false"} in cluster["apiServer"]["extraArgs"]
    assert {"name": "profiling", "value": "false"} in cluster["scheduler"]["extraArgs"]
    assert cluster["etcd"]["local"]["extraArgs"]
    assert (kubelet["cgroupDriver"], kubelet["podPidsLimit"]) == ("systemd", 4096)


FLAGS = {
    "apiServer": [
        {"items": ["a"], "name": "profiling", "value": "false"},
        {"items": ["b", "c"], "name": "x", "value": "1"},
    ],
    "etcd": [{"items": ["a"], "name": "cipher-suites", "value": "S"}],
}
VOLUMES = [{"items": ["b"], "name": "v", "hostPath": "/v"}]


def test_what_an_operator_set_stays_and_what_hardening_set_goes_with_its_item():
    mine = {"name": "oidc-issuer-url", "value": "https://id.example"}
    before = {
        "apiServer": {"certSANs": ["n1"], "extraArgs": [mine]},
        "networking": {"podSubnet": "10.0.0.0/8"},
    }

    on = FILTERS.with_flags(before, FLAGS, VOLUMES, ["a", "b"])
    less = FILTERS.with_flags(on, FLAGS, VOLUMES, ["a"])
    off = FILTERS.with_flags(on, FLAGS, VOLUMES, [])

    assert [flag["name"] for flag in on["apiServer"]["extraArgs"]] == ["oidc-issuer-url", "profiling", "x"]
    assert on["apiServer"]["extraVolumes"] == [{"name": "v", "hostPath": "/v"}]
    assert [flag["name"] for flag in less["apiServer"]["extraArgs"]] == ["oidc-issuer-url", "profiling"]
    assert "extraVolumes" not in less["apiServer"]
    assert off["apiServer"] == before["apiServer"]
    assert FILTERS.with_flags(on, FLAGS, VOLUMES, ["a", "b"]) == on
    assert before["apiServer"]["extraArgs"] == [mine]


def test_a_value_that_an_operator_changed_is_put_right_when_on_and_left_alone_when_off():
    theirs = {"apiServer": {"extraArgs": [{"name": "profiling", "value": "true"}]}}

    assert FILTERS.with_flags(theirs, FLAGS, [], []) == theirs
    assert FILTERS.with_flags(theirs, FLAGS, [], ["a"])["apiServer"]["extraArgs"] == [
        {"name": "profiling", "value": "false"}
    ]


def test_an_etcd_of_the_sites_own_is_left_alone():
    outside = {"etcd": {"external": {"endpoints": ["https://192.0.2.1:2379"]}}}

    assert FILTERS.with_flags(outside, FLAGS, [], ["a"])["etcd"] == outside["etcd"]


def test_nothing_asked_for_changes_nothing():
    assert FILTERS.with_flags({}, FLAGS, VOLUMES, []) == {}
    assert FILTERS.with_settings({"kind": "K", "x": 2}, [{"items": ["a"], "name": "x", "value": 1}], []) == {
        "kind": "K",
        "x": 2,
    }


def test_kubelet_settings_follow_their_items():
    settings = [{"items": ["a"], "name": "podPidsLimit", "value": 4096}]

    on = FILTERS.with_settings({"kind": "K"}, settings, ["a"])
    assert on == {"kind": "K", "podPidsLimit": 4096}
    assert FILTERS.with_settings(on, settings, []) == {"kind": "K"}


def test_a_configuration_that_says_the_same_keeps_its_text():
    text = "b: 1\na:   [x]"

    assert FILTERS.as_yaml({"a": ["x"], "b": 1}, text) == text + "\n"
    assert FILTERS.as_yaml({"a": ["y"], "b": 1}, text) == "a:\n- y\nb: 1\n"


def test_kubelets_may_ask_for_their_own_addresses_in_any_of_the_ways_they_are_known():
    hostvars = {
        "n1": {"discover_node": {"address": "192.0.2.11"}, "ansible_host": "203.0.113.5"},
        "n2": {"keelyard_internal_address": "192.0.2.12", "ansible_host": "n2.example"},
    }

    found = FILTERS.serving_addresses(["n1", "n2", "n3"], hostvars, "discover_node")

    assert found == {"n1": ["192.0.2.11", "203.0.113.5"], "n2": ["192.0.2.12"]}
