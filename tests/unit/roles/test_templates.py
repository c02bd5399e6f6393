from __future__ import annotations

import tomllib

import pytest
import yaml

from tests.unit.roles.loading import ROLES, evaluate, render

NODE = {"address": "192.0.2.11", "cgroup_version": 2}
INIT = {
    "discover_node": NODE,
    "inventory_hostname": "n1",
    "ansible_host": "203.0.113.5",
    "kubeadm_init_cluster_name": "blue",
    "kubeadm_init_kubernetes_version": "1.36.4",
    "kubeadm_init_image_repository": "registry.k8s.io",
    "kubeadm_init_pod_cidr": "10.244.0.0/16",
    "kubeadm_init_service_cidr": "10.96.0.0/16",
    "kubeadm_init_dns_domain": "cluster.local",
    "kubeadm_init_extra_sans": [],
    "kubeadm_init_extra": {},
    "kubeadm_init_kubelet": {},
    "kubeadm_init_lab": False,
    "kubeadm_init_run_workloads": False,
}
CONTAINERD = {
    "discover_node": NODE,
    "containerd_sandbox_image": "registry.k8s.io/pause:3.10.2",
    "containerd_restrict_oom_score_adj": False,
    "containerd_runc": "/usr/local/sbin/runc",
}
FLANNEL = {
    "cni_pod_cidr": "10.244.0.0/16",
    "cni_flannel_image": "flannel:1",
    "cni_flannel_plugin_image": "plugin:1",
    "cni_flannel_args": ["--ip-masq"],
}


def documents(text: str) -> dict[str, dict]:
    return {document["kind"]: document for document in yaml.safe_load_all(text)}


def test_the_kubeadm_configuration_carries_what_was_asked_for():
    found = documents(render("kubeadm_init", "kubeadm.yaml.j2", **INIT))

    cluster, init = found["ClusterConfiguration"], found["InitConfiguration"]
    assert cluster["apiVersion"] == "kubeadm.k8s.io/v1beta4"
    assert cluster["kubernetesVersion"] == "v1.36.4"
    assert cluster["networking"]["podSubnet"] == "10.244.0.0/16"
    assert cluster["apiServer"]["certSANs"] == ["192.0.2.11", "n1", "203.0.113.5"]
    assert init["localAPIEndpoint"]["advertiseAddress"] == "192.0.2.11"
    assert "ignorePreflightErrors" not in init["nodeRegistration"]
    assert "taints" not in init["nodeRegistration"]
    assert "conntrack" not in found["KubeProxyConfiguration"]


def test_lab_nodes_get_what_only_a_lab_may_have():
    found = documents(render("kubeadm_init", "kubeadm.yaml.j2", **INIT | {"kubeadm_init_lab": True}))

    assert found["InitConfiguration"]["nodeRegistration"]["ignorePreflightErrors"] == ["SystemVerification"]
    assert found["KubeProxyConfiguration"]["conntrack"]["maxPerCore"] == 0


def test_a_control_plane_without_workers_takes_pods():
    found = documents(
        render("kubeadm_init", "kubeadm.yaml.j2", **INIT | {"kubeadm_init_run_workloads": True})
    )

    assert found["InitConfiguration"]["nodeRegistration"]["taints"] == []


@pytest.mark.parametrize("name", ["{{ 7*7 }}", "$(id)", 'a"b: c\nd'])
def test_text_from_outside_stays_text_in_the_kubeadm_configuration(name):
    found = documents(render("kubeadm_init", "kubeadm.yaml.j2", **INIT | {"kubeadm_init_cluster_name": name}))

    assert found["ClusterConfiguration"]["clusterName"] == name


def test_a_join_finds_the_leader_by_a_file_and_asks_nothing_without_a_name():
    told = {
        "discover_node": {"address": "192.0.2.12"},
        "inventory_hostname": "n2",
        "hostvars": {"n1": {"discover_node": NODE}},
        "kubeadm_join_leader": "n1",
        "kubeadm_join_token": {"token": "abcdef.0123456789abcdef", "ca": "Q0E="},
        "kubeadm_join_lab": False,
    }

    join = documents(render("kubeadm_join", "join.yaml.j2", **told))["JoinConfiguration"]
    found = documents(render("kubeadm_join", "discovery.yaml.j2", **told))["Config"]

    assert join["discovery"] == {
        "file": {"kubeConfigPath": "/etc/keelyard/discovery.yaml"},
        "tlsBootstrapToken": "abcdef.0123456789abcdef",
    }
    assert found["clusters"][0]["cluster"] == {
        "server": "https://192.0.2.11:6443",
        "certificate-authority-data": "Q0E=",
    }
    assert found["users"][0]["user"] == {"token": "abcdef.0123456789abcdef"}


@pytest.mark.parametrize(("version", "systemd"), [(2, True), (1, False)])
def test_containerds_configuration_follows_the_cgroup_version(version, systemd):
    node = {**NODE, "cgroup_version": version}
    found = tomllib.loads(render("containerd", "config.toml.j2", **CONTAINERD | {"discover_node": node}))

    runtime = found["plugins"]["io.containerd.cri.v1.runtime"]
    assert found["version"] == 3
    assert runtime["containerd"]["runtimes"]["runc"]["options"]["SystemdCgroup"] is systemd
    assert runtime["restrict_oom_score_adj"] is False
    images = found["plugins"]["io.containerd.cri.v1.images"]
    assert images["pinned_images"]["sandbox"] == "registry.k8s.io/pause:3.10.2"


def test_a_mirror_becomes_a_hosts_file():
    found = tomllib.loads(
        render(
            "containerd",
            "hosts.toml.j2",
            containerd_host="registry.k8s.io",
            containerd_mirrors=["https://mirror.example"],
        )
    )

    assert found["host"]["https://mirror.example"]["capabilities"] == ["pull", "resolve"]


@pytest.mark.parametrize(("source", "init_containers"), [("bundle", 0), ("upstream", 1)])
def test_flannels_manifest_is_whole(source, init_containers):
    found = documents(render("cni", "flannel.yaml.j2", cni_source=source, **FLANNEL))

    pod = found["DaemonSet"]["spec"]["template"]["spec"]
    assert len(pod.get("initContainers", [])) == init_containers
    assert '"Network": "10.244.0.0/16"' in found["ConfigMap"]["data"]["net-conf.json"]


@pytest.mark.parametrize(
    ("lines", "may_go_on"),
    [
        (["n1 10.244.0.0/24", "n2 10.244.1.0/24"], True),
        (["n1 10.244.0.0/24", "n2 10.244.1.0/24", "other "], True),
        (["n1 10.244.0.0/24", "n2 "], False),
        (["n1 10.244.0.0/24"], False),
    ],
)
def test_the_bridge_waits_for_the_range_of_a_node_that_has_just_joined(lines: list[str], may_go_on: bool):
    asked = yaml.safe_load((ROLES / "cni" / "tasks" / "bridge.yml").read_text())[0]["block"][0]

    found = evaluate(
        "cni",
        asked["until"],
        ansible_check_mode=False,
        ansible_play_hosts=["n1", "n2"],
        cni_ranges={"rc": 0, "stdout_lines": lines},
    )

    assert found is may_go_on


def test_the_routes_script_leaves_the_own_node_out():
    text = render(
        "cni",
        "routes.sh.j2",
        cni_bridge_ranges={"n1": "10.244.0.0/24", "n2": "10.244.1.0/24"},
        inventory_hostname="n1",
        cni_addresses={"n2": "192.0.2.12"},
    )

    assert text.splitlines()[-1] == "ip route replace 10.244.1.0/24 via 192.0.2.12"
