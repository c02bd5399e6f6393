"""The roles by plain ansible-playbook on one lab cluster: idempotence, phases alone, mending, taking down.

The tests tell one story in order on one cluster.
"""

from __future__ import annotations

import json
import os

import pytest

from engine import lab
from tests.nodes.roles_support import Yard, kill_before

pytestmark = pytest.mark.nodes

NAME = f"roles{os.getpid() % 10000}"
PHASES = [
    "preflight", "prepare", "harden-nodes", "containerd", "packages", "harden-control-plane", "init", "join",
    "cni", "kubeconfig", "harden-cluster", "verify",
]  # fmt: skip
KERNEL = "Bring kernel modules, sysctls and swap to what Kubernetes needs"
CONTAINERD = "Run containerd with this configuration"
KUBELET = "Run kubelet with this configuration"
CONTAINERD_CONFIG, KUBELET_CONFIG = "Configure containerd", "Configure kubelet"
KUBERNETES = "Install Kubernetes and its images from the bundle"
REJOIN = {"Clear what a join that died left behind", "Join the cluster"}


@pytest.fixture(scope="module")
def yard(tmp_path_factory):
    try:
        yield Yard(lab.up(NAME, nodes=2), tmp_path_factory.mktemp("roles"))
    finally:
        lab.down(NAME)


#: What hardening by others leaves, in files that are read after Keelyard's.
SITE_TURNS_OFF = (
    "echo 'install overlay /bin/true' >/etc/modprobe.d/site.conf; "
    "echo 'net.ipv4.conf.all.forwarding = 0' >/etc/sysctl.d/zzz-site.conf"
)
SITE_FILES = "cat /etc/modprobe.d/site.conf /etc/sysctl.d/zzz-site.conf"


def file_edited(path: str) -> str:
    return f"echo '# edited by hand' >> {path}"


def test_preflight_names_every_problem_of_every_node_at_once_and_changes_nothing(yard):
    inventory = yard.edited(yard.worker, keelyard_os_type="rocky9")
    hosts = inventory["all"]["children"]["k8s_cluster"]["children"]["kube_node"]["hosts"]
    hosts["absent"] = {
        **hosts[yard.worker],
        "ansible_host": yard.addresses[yard.worker].rsplit(".", 1)[0] + ".250",
    }
    inventory["all"]["vars"] |= {"keelyard_pod_cidr": "10.96.0.0/12", "keelyard_controller_machine_id": "x"}
    yard.on(yard.control_plane, "systemd-run --unit=squatter python3 -m http.server 10250")

    run = yard.play("-e", "ansible_timeout=3", inventory=inventory)
    yard.on(yard.control_plane, "systemctl stop squatter")

    assert run.code != 0
    report = json.loads((yard.output / "preflight.json").read_text())
    found = {(problem["node"], problem["check"]) for problem in report["problems"]}
    assert {
        (yard.worker, "os"),
        ("absent", "reachable"),
        (yard.control_plane, "ports"),
        ("cluster", "ranges"),
    } <= found
    [message] = {text for text in run.messages if "must be mended" in text}
    assert "absent" in message
    assert "10250" in message
    assert run.changed == set()
    assert yard.on(yard.worker, "ls /etc/keelyard", check=False) == ""


def test_bare_nodes_become_a_cluster(yard):
    yard.on(yard.worker, SITE_TURNS_OFF)

    run = yard.play()

    run.assert_healthy()
    states = yard.kubectl("get nodes --no-headers").splitlines()
    assert [line.split()[1] for line in states] == ["Ready", "Ready"]
    assert (yard.output / "kubeconfig").stat().st_mode & 0o777 == 0o600
    record = json.loads((yard.output / "nodes" / f"{yard.worker}.json").read_text())
    assert record["kubelet_version"] == yard.variables["keelyard_kubernetes_version"]
    assert record["machine_id"] == yard.on(yard.worker, "cat /etc/machine-id")


def test_nothing_secret_stays_on_the_nodes(yard):
    assert yard.on(yard.control_plane, "ls /etc/kubernetes/super-admin.conf", check=False) == ""
    assert yard.on(yard.worker, "ls /etc/keelyard/join.yaml", check=False) == ""
    assert (
        yard.kubectl("-n kube-system get secrets --field-selector type=bootstrap.kubernetes.io/token -o name")
        == ""
    )


def test_a_second_run_changes_nothing(yard):
    yard.play().assert_unchanged()


@pytest.mark.parametrize("phase", PHASES)
def test_each_phase_alone_changes_nothing_on_a_healthy_cluster(yard, phase):
    yard.play("--tags", phase).assert_unchanged()


@pytest.mark.parametrize(
    ("phase", "damage", "mended"),
    [
        ("prepare", file_edited("/etc/sysctl.d/zz-keelyard.conf"), {"Write identity, sysctls and modules"}),
        ("prepare", "rm /etc/modules-load.d/90-keelyard.conf", {"Write identity, sysctls and modules"}),
        ("prepare", "sed -i '/keelyard/,/keelyard/d' /etc/hosts", {"Let the nodes know each other by name"}),
        ("prepare", "hostnamectl set-hostname elsewhere", {"Set the host name"}),
        ("prepare", "sysctl -qw net.ipv4.ip_forward=0", {KERNEL}),
        ("prepare", "sysctl -qw net.bridge.bridge-nf-call-iptables=0", {KERNEL}),
        ("prepare", "sysctl -qw vm.overcommit_memory=0", {KERNEL}),
        ("prepare", "sysctl -qw fs.inotify.max_user_instances=128", {KERNEL}),
        ("containerd", file_edited("/etc/containerd/config.toml"), {CONTAINERD_CONFIG, CONTAINERD}),
        (
            "containerd",
            file_edited("/etc/systemd/system/containerd.service"),
            {CONTAINERD_CONFIG, CONTAINERD},
        ),
        ("containerd", file_edited("/etc/crictl.yaml"), {CONTAINERD_CONFIG}),
        ("containerd", "systemctl stop containerd", {CONTAINERD}),
        ("containerd", "systemctl disable -q containerd", {CONTAINERD}),
        (
            "containerd",
            "echo >> /usr/local/sbin/runc",
            {"Install containerd and runc from the bundle", CONTAINERD},
        ),
        ("packages", file_edited("/etc/systemd/system/kubelet.service"), {KUBELET_CONFIG, KUBELET}),
        (
            "packages",
            "rm /etc/systemd/system/kubelet.service.d/10-kubeadm.conf",
            {KUBELET_CONFIG, KUBELET},
        ),
        (
            "packages",
            "echo {} > /etc/keelyard/patches/kubeletconfiguration+merge.json",
            {KUBELET_CONFIG},
        ),
        ("packages", "systemctl stop kubelet", {KUBELET}),
        (
            "packages",
            "chmod 0644 /usr/local/bin/kubectl",
            {KUBERNETES},
        ),
        ("packages", "rm /opt/cni/bin/portmap", {KUBERNETES}),
        (
            "packages",
            "ctr -n k8s.io images rm keelyard.local/probe:1",
            {KUBERNETES},
        ),
        ("init", file_edited("/etc/keelyard/kubeadm.yaml"), {"Write the kubeadm configuration"}),
        (
            "init",
            "cp /etc/kubernetes/admin.conf /etc/kubernetes/super-admin.conf",
            {"Record the control plane and take the all-powerful credentials away"},
        ),
        ("cni", "rm /etc/cni/net.d/10-keelyard.conflist", {"Tell containerd to use flannel"}),
        (
            "cni",
            "kubectl --kubeconfig /etc/kubernetes/admin.conf -n kube-flannel delete daemonset --all",
            {"Run flannel"},
        ),
    ],
)
def test_what_was_damaged_is_mended_by_its_own_task_and_restart_alone(yard, phase, damage, mended):
    yard.on(yard.control_plane, damage)

    run = yard.play("--tags", phase, "--limit", yard.control_plane)

    run.assert_healthy()
    assert run.changed == {(yard.control_plane, task) for task in mended}


def test_after_all_the_mending_the_whole_cluster_is_as_it_should_be(yard):
    yard.play().assert_unchanged()


def test_a_run_killed_between_configuration_and_restart_is_made_good_by_the_next(yard):
    mirrors = ("-e", json.dumps({"keelyard_proxy": {"NO_PROXY": "10.0.0.0/8"}}))
    before = yard.on(yard.control_plane, "systemctl show -p MainPID --value containerd")

    kill_before(yard, CONTAINERD, "--tags", "containerd", *mirrors)
    assert yard.on(yard.control_plane, "systemctl show -p MainPID --value containerd") == before
    run = yard.play("--tags", "containerd", *mirrors)

    run.assert_healthy()
    assert run.changed == {(name, CONTAINERD) for name in (yard.control_plane, yard.worker)}
    main = yard.on(yard.control_plane, "systemctl show -p MainPID --value containerd")
    assert "NO_PROXY=10.0.0.0/8" in yard.on(yard.control_plane, f"tr '\\0' '\\n' < /proc/{main}/environ")


def test_a_worker_whose_join_died_halfway_joins_again(yard):
    yard.kubectl(f"delete node {yard.worker}")

    run = yard.play("--tags", "join,verify")

    run.assert_healthy()
    assert run.changed == {
        (yard.worker, "Clear what a join that died left behind"),
        (yard.worker, "Join the cluster"),
    }


def test_a_node_of_another_cluster_is_refused_by_provision_and_deprovision(yard):
    other = yard.inventory()
    other["all"]["vars"]["keelyard_cluster_id"] = "another-cluster"

    provision = yard.play(inventory=other)
    deprovision = yard.play(playbook="deprovision.yml", inventory=other)

    assert provision.code != 0
    assert provision.changed == set()
    assert any("belongs to cluster" in message for message in provision.messages)
    assert deprovision.code != 0
    assert deprovision.changed == set()
    assert any("belongs to cluster" in message for message in deprovision.messages)


def test_deprovision_refuses_a_machine_that_is_not_the_recorded_one(yard):
    inventory = yard.edited(yard.worker, keelyard_machine_id="0" * 32)

    run = yard.play(playbook="deprovision.yml", inventory=inventory)

    assert run.code != 0
    assert run.changed == set()
    assert any("is not the machine that was provisioned" in message for message in run.messages)


def test_deprovision_takes_away_ours_and_nothing_else(yard):
    yard.on(yard.worker, "iptables -A INPUT -s 203.0.113.7 -m comment --comment 'theirs KUBE-' -j DROP")

    assert [line[:2] for line in yard.on(yard.worker, SITE_FILES).splitlines()] == ["# ", "# "]

    first = yard.play(playbook="deprovision.yml")
    second = yard.play(playbook="deprovision.yml")

    first.assert_healthy()
    second.assert_unchanged()
    rules = yard.on(yard.worker, "iptables-save")
    assert "203.0.113.7" in rules
    assert yard.on(yard.worker, SITE_FILES).splitlines() == [
        "install overlay /bin/true",
        "net.ipv4.conf.all.forwarding = 0",
    ]
    assert ":KUBE-" not in rules
    assert ":FLANNEL-" not in rules
    ours = "/etc/keelyard /etc/kubernetes /usr/local/bin/kubelet /etc/containerd /opt/cni /var/lib/cni"
    assert yard.on(yard.worker, f"ls -d {ours} 2>/dev/null", check=False) == ""
    assert yard.on(yard.worker, "ls -A /var/lib/kubelet /var/lib/etcd | grep -v :", check=False) == ""
    assert "keelyard" not in yard.on(yard.worker, "cat /etc/hosts")
    assert yard.on(yard.worker, "ls /sys/class/net").split() == ["eth0", "lo"]


def test_the_same_nodes_can_be_provisioned_again_with_another_network_by_a_user_with_sudo(yard):
    yard.variables["keelyard_cni"], yard.user = "bridge", "ops"

    yard.play().assert_healthy()
    yard.play("--tags", "cni").assert_unchanged()
