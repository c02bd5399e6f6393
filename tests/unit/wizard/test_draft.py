"""The draft of a cluster, its rules, its request and its commands."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
from pathlib import Path

import msgspec
import pytest

from api.schemas.catalogue import Choice, ChoiceField
from api.schemas.clusters import ClusterCreate, HostKey, SshResult
from engine.domain import spec_rules
from engine.domain.errors import InvalidSpec
from tests.contract import harness
from tui.wizard import rules
from tui.wizard.choices import Choices
from tui.wizard.draft import Draft, ExceptionDraft, NodeDraft, Secrets, TemplateChoice, tally
from tui.wizard.drafts import Drafts
from tui.wizard.host_keys import State
from tui.wizard.making import Making
from tui.wizard.steps import Step, step_of

KEY = harness.KEY
PRINT = "SHA256:" + "a" * 43


def field(name: str, *offered: str | bool, default=None, refused: str | bool | None = None) -> ChoiceField:
    choices = [Choice(value=value, refusal=None) for value in offered]
    if refused is not None:
        choices.append(Choice(value=refused, refusal="is not available in this version"))
    return ChoiceField(field=name, default=default, choices=choices)


CHOICES = Choices(
    [
        field("topology.ha", False, refused=True),
        field("components.kubernetes_version", "1.36.4", "1.37.1", default="1.36.4"),
        field("components.cni", "flannel", "bridge", default="flannel", refused="calico"),
        field("components.ingress", "none", default="none"),
        field("components.runtime", "containerd", default="containerd"),
        field("hardening.enable_cis_k8s_benchmark", False, default=False, refused=True),
        field("hardening.enable_cis_linux_benchmark", False, default=False, refused=True),
        field("nodes.os_type", "debian12", "rocky9"),
    ]
)
LEFT_OUT = ExceptionDraft(id="linux-5.1.2", reason="An old client")
TEMPLATE = TemplateChoice(
    id="7b6e4c1e-1f6b-4f0e-9d7c-1b7f2a5c9e11",
    name="small",
    version=2,
    says={"components.cni": "bridge", "topology.worker_count": 3},
)


def making(**changes) -> Making:
    nodes = [
        NodeDraft(name="c1", ip_address="192.0.2.11", role="control-plane"),
        NodeDraft(name="w1", ip_address="192.0.2.21"),
    ]
    draft = Draft(**{"name": "shop", "nodes": nodes, **changes})
    return Making(draft=draft, choices=CHOICES, secrets=Secrets(private_key=KEY))


def told(made: Making) -> dict[str, str]:
    return {problem.field: problem.message for problem in made.problems()}


def test_the_request_is_one_that_the_api_reads_and_finds_right():
    made = making()
    request = msgspec.json.decode(made.body(), type=ClusterCreate)

    assert told(made) == {}
    assert request.topology is not None
    assert (request.topology.control_plane_count, request.topology.worker_count) == (1, 1)
    assert request.components is not None
    assert request.components.cni == "flannel"
    assert request.ssh_config.private_key == KEY
    assert made.body() == made.body()


def test_a_template_fills_and_what_was_changed_by_hand_stays_and_is_said():
    draft = Draft(name="shop")
    draft.says("components.cni", "flannel", CHOICES)
    assert draft.changed == {}  # the default is no change

    draft.says("components.kubernetes_version", "1.37.1", CHOICES)
    draft.template = TEMPLATE
    assert draft.value("components.cni", CHOICES) == "bridge"
    assert draft.origin("components.cni") == "from small v2"
    draft.says("components.cni", "flannel", CHOICES)
    assert draft.origin("components.cni") == "changed by hand; the template says bridge"
    request = draft.request(CHOICES)
    assert request["components"]["cni"] == "flannel"
    assert request["components"]["kubernetes_version"] == "1.37.1"
    assert (request["template_id"], request["template_version"]) == (TEMPLATE.id, 2)
    draft.says("components.cni", "bridge", CHOICES)
    assert "components.cni" not in draft.changed


def test_exceptions_are_the_templates_until_somebody_says_others():
    template = msgspec.structs.replace(TEMPLATE, exceptions=[LEFT_OUT])
    draft = making(template=template).draft
    assert draft.request(CHOICES)["hardening"]["exceptions"] == [msgspec.structs.asdict(LEFT_OUT)]
    draft.exceptions = []
    assert draft.request(CHOICES)["hardening"]["exceptions"] == []
    assert "exceptions" not in making().draft.request(CHOICES)["hardening"]
    draft.says("hardening.level", "1", CHOICES)
    assert draft.request(CHOICES)["hardening"]["level"] == 1
    assert msgspec.json.decode(msgspec.json.encode(draft), type=Draft) == draft


def test_an_exception_needs_its_reason_and_comes_once():
    on = {"hardening.enable_cis_linux_benchmark": True}
    made = making(changed=on, exceptions=[ExceptionDraft(id="linux-5.1.1", reason=""), LEFT_OUT, LEFT_OUT])
    fields = [each for each in told(made) if each.startswith("hardening.exceptions")]
    assert fields == ["hardening.exceptions.0.reason", "hardening.exceptions.2.id"]


def test_the_tally_says_who_is_missing():
    made = making(template=TEMPLATE)
    assert tally(made.draft, CHOICES) == (
        "1 control plane, 1 worker · topology asks for 1 + 3: 2 workers are missing"
    )
    made.draft.nodes.append(NodeDraft(name="w2", ip_address="192.0.2.22"))
    assert tally(made.draft, CHOICES).endswith("1 worker is missing")
    assert tally(making().draft, CHOICES) == "1 control plane, 1 worker · as the topology asks"


@pytest.mark.parametrize(
    ("change", "wrong", "step"),
    [
        ({"name": ""}, "name", Step.TEMPLATE),
        ({"name": "Shop"}, "name", Step.TEMPLATE),
        ({"name": "test-ssh"}, "name", Step.TEMPLATE),
        ({"name": TEMPLATE.id}, "name", Step.TEMPLATE),
        ({"changed": {"topology.ha": True, "topology.control_plane_count": 1}}, "topology.ha", Step.TOPOLOGY),
        ({"changed": {"topology.control_plane_count": 3}}, "topology.control_plane_count", Step.TOPOLOGY),
        ({"changed": {"topology.worker_count": "many"}}, "topology.worker_count", Step.TOPOLOGY),
        ({"nodes": []}, "nodes", Step.NODES),
        ({"username": "root;reboot"}, "ssh_config.username", Step.ACCESS),
        ({"auth_method": "password"}, "ssh_config.password", Step.ACCESS),
        ({"changed": {"components.cni": "calico"}}, "components.cni", Step.COMPONENTS),
        ({"changed": {"networking.pod_cidr": "10.96.0.0/16"}}, "networking.service_cidr", Step.COMPONENTS),
        ({"changed": {"networking.pod_cidr": "192.0.2.0/24"}}, "networking.pod_cidr", Step.COMPONENTS),
        ({"changed": {"networking.pod_cidr": "10.244.0.1/16"}}, "networking.pod_cidr", Step.COMPONENTS),
        ({"changed": {"networking.service_cidr": "10.0.0.0/8"}}, "networking.service_cidr", Step.COMPONENTS),
        ({"changed": {"networking.dns_domain": "Cluster"}}, "networking.dns_domain", Step.COMPONENTS),
        (
            {"changed": {"hardening.enable_cis_k8s_benchmark": True}},
            "hardening.enable_cis_k8s_benchmark",
            Step.HARDENING,
        ),
        ({"exceptions": [LEFT_OUT]}, "hardening.exceptions.0.id", Step.HARDENING),
    ],
)
def test_what_is_wrong_is_named_by_its_field_and_asked_for_in_its_step(change, wrong, step):
    made = making(**change)

    assert list(told(made)) == [wrong]
    assert step_of(wrong) is step
    assert {problem.field for problem in made.problems_of(step)} == {wrong}


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"name": "w_1"}, "nodes.1.name"),
        ({"name": "c1"}, "nodes.1.name"),
        ({"ip_address": "192.0.2.11"}, "nodes.1.ip_address"),
        ({"ip_address": "2001:db8::1"}, "nodes.1.ip_address"),
        ({"os_type": "gentoo"}, "nodes.1.os_type"),
        ({"ssh_port": 0}, "nodes.1.ssh_port"),
        ({"fingerprint": "SHA256:short"}, "nodes.1.fingerprint"),
    ],
)
def test_a_wrong_node_is_named_by_its_place(change, wrong):
    made = making()
    made.draft.nodes[1] = msgspec.structs.replace(made.draft.nodes[1], **change)

    assert list(told(made)) == [wrong]


def test_a_key_that_is_none_is_told_without_repeating_it():
    made = making()
    made.secrets = Secrets(private_key="canary", passphrase="with\nbreak")

    assert set(told(made)) == {"ssh_config.private_key", "ssh_config.passphrase"}
    assert "canary" not in str(made.problems()) + repr(made)


def test_the_rules_agree_with_the_servers_on_its_own_examples():
    """The same fields are refused; the words may differ."""
    surroundings = spec_rules.Surroundings(kubernetes_versions=["1.36.4"])
    for change in ({}, {"changed": {"networking.pod_cidr": "10.96.0.0/16"}}, {"name": "Shop"}):
        made = making(**change)
        request = msgspec.json.decode(made.body())
        from api.routes.clusters import _new_cluster  # how the server reads a request
        from engine.domain.templates import Filled

        filled = msgspec.convert({k: request[k] for k in ("topology", "components", "hardening")}, Filled)
        new = _new_cluster(msgspec.convert(request, ClusterCreate), filled, {})
        refused: set[str] = set()
        try:
            spec_rules.check(new.spec, new.secrets, surroundings)
        except InvalidSpec as invalid:
            refused = {problem.field for problem in invalid.problems}
        assert refused == set(told(made))


def test_what_the_server_refused_stays_until_the_request_changes():
    made = making()
    made.refused({"nodes.1.ip_address": "192.0.2.21 is node w1 of cluster shop"})
    assert step_of(next(iter(told(made)))) is Step.NODES

    made.draft.nodes[1].ip_address = "192.0.2.22"
    assert told(made) == {}


def test_the_same_request_has_the_same_key_and_another_one_another():
    made = making()
    first = made.key()
    assert made.key() == first

    made.draft.name = "other"
    assert made.key() != first


# --- host keys ---


def shows(node: NodeDraft, *prints: str, success: bool = True) -> SshResult:
    kinds = ("ssh-rsa", "ssh-ed25519")[: len(prints)]
    keys = [HostKey(type=kind, fingerprint=each) for kind, each in zip(kinds, prints, strict=True)]
    return SshResult(
        node=node.name, ip_address=node.ip_address, success=success, message="told", host_keys=keys
    )


def test_a_key_is_confirmed_once_and_its_change_is_never_overlooked():
    made = making()
    node = made.draft.nodes[0]
    tests = made.tests
    assert made.state(node) is State.UNTESTED
    subject = tests.begin(made.draft, node, made.secrets)
    assert made.state(node) is State.TESTING
    tests.done(node, subject, shows(node, PRINT.replace("a", "r"), PRINT))
    assert made.state(node) is State.NEW
    best = tests.best_key(node)
    assert best is not None
    assert best.fingerprint == PRINT  # Ed25519 before RSA

    node.fingerprint = best.fingerprint
    assert made.state(node) is State.CONFIRMED
    made.secrets = Secrets(private_key=KEY, passphrase="x")
    assert made.state(node) is State.STALE
    assert tests.due(made.draft, made.secrets) == made.draft.nodes

    subject = tests.begin(made.draft, node, made.secrets)
    tests.done(node, subject, shows(node, PRINT.replace("a", "b"), success=False))
    assert made.state(node) is State.CHANGED
    assert "nodes.0.fingerprint" in told(made)


def test_a_result_of_an_older_test_is_dropped():
    made = making()
    node = made.draft.nodes[0]
    old = made.tests.begin(made.draft, node, made.secrets)
    made.secrets = Secrets(private_key=KEY, password="new")
    new = made.tests.begin(made.draft, node, made.secrets)
    made.tests.done(node, old, shows(node, PRINT))
    assert made.state(node) is State.TESTING

    made.tests.done(node, new, None)
    assert made.state(node) is State.UNTESTED


def test_the_review_warns_of_what_was_left_out():
    lines = " | ".join(making(provision_immediately=False).warnings())

    assert "c1, w1: the login was not tested" in lines
    assert "the host key is not confirmed" in lines
    assert "until somebody provisions" in lines


# --- on disk, as text ---


def test_a_draft_survives_without_secrets_and_for_its_owner_alone(tmp_path):
    made = making(key_path="~/.ssh/id")
    drafts = Drafts("https://yard.example", "user-1", tmp_path / "state")
    assert drafts.load() is None
    drafts.save(made.draft)

    kept = drafts.load()
    assert kept is not None
    assert kept.draft == made.draft
    assert stat.S_IMODE(drafts.path.stat().st_mode) == 0o600
    assert KEY.splitlines()[1] not in drafts.path.read_text()
    assert Drafts("https://yard.example", "user-2", tmp_path / "state").load() is None
    drafts.path.write_text('{"draft": {"nodes": 3}}')
    assert drafts.load() is None
    drafts.forget()
    assert list(drafts.path.parent.iterdir()) == []


@pytest.mark.parametrize("way", ["private_key", "password"])
def test_neither_yaml_nor_curl_shows_a_secret(way):
    made = making(auth_method=way)
    made.secrets = Secrets(private_key=KEY, passphrase="canary-1", password="canary-2")
    shown = made.as_yaml() + made.as_curl("http://127.0.0.1:8000/")

    assert KEY.splitlines()[1] not in shown
    assert "canary" not in shown


@pytest.mark.skipif(not shutil.which("jq"), reason="the commands need jq")
def test_the_commands_send_the_very_request_and_no_secret_is_an_argument(tmp_path):
    """A stand-in for curl writes down what it was given."""
    key = tmp_path / "it's a key"
    key.write_text(KEY)
    made = making(key_path=str(key), description="it's $HOME `id`")
    made.secrets = Secrets(private_key=KEY, passphrase="pass-canary", password="word-canary")
    fake = tmp_path / "bin" / "curl"
    fake.parent.mkdir()
    fake.write_text('#!/bin/sh\nprintf "%s\\n" "$@" > arguments\ncat > config\ncp cluster.json sent.json\n')
    fake.chmod(0o755)
    environment = {
        "PATH": f"{fake.parent}:{os.environ['PATH']}",
        "KEELYARD_TOKEN": "token-canary",
        "KEELYARD_SSH_PASSPHRASE": "pass-canary",
        "KEELYARD_SSH_PASSWORD": "word-canary",
    }
    commands = made.as_curl("http://127.0.0.1:8000")
    subprocess.run(["sh", "-euc", commands], cwd=tmp_path, env=environment, check=True)

    assert json.loads((tmp_path / "sent.json").read_text()) == json.loads(made.body())
    assert "canary" not in (tmp_path / "arguments").read_text() + commands
    assert 'header = "Authorization: Bearer token-canary"' in (tmp_path / "config").read_text()
    assert not (tmp_path / "cluster.json").exists()


def test_a_node_alone_is_judged_like_one_of_many():
    wrong = rules.node_problems(NodeDraft(name="", ip_address="x"), CHOICES, "node")
    assert [problem.field for problem in wrong] == ["node.name", "node.ip_address"]


def test_the_default_place_is_the_users_state_directory(monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", "/somewhere/state")
    assert Drafts("http://a", "b").path.parent == Path("/somewhere/state/keelyard/drafts")
