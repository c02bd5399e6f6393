from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from engine.domain import catalogue
from engine.domain.errors import InvalidSpec
from engine.domain.hardening import HardeningException
from engine.domain.specs import ClusterSpec, Components, Hardening, NodeSpec, Topology
from engine.domain.statuses import NodeRole, OsType
from engine.execution import artifacts, inventory


def spec(
    username: str = "root", version: str = catalogue.DEFAULT.kubernetes, name: str = "yard"
) -> ClusterSpec:
    return ClusterSpec(
        id="0b0f8b1e-0000-4000-8000-000000000001",
        name=name,
        topology=Topology(ha=False, control_plane_count=1, worker_count=2),
        components=Components(
            kubernetes_version=version, cni="flannel", ingress="none", runtime="containerd"
        ),
        nodes=(
            NodeSpec(name="cp", role=NodeRole.CONTROL_PLANE, ip_address="192.0.2.1", os_type=OsType.DEBIAN12),
            NodeSpec(
                name="w1",
                role=NodeRole.WORKER,
                ip_address="192.0.2.2",
                os_type=OsType.ROCKY9,
                machine_id="ab",
            ),
            NodeSpec(
                name="w2",
                role=NodeRole.WORKER,
                ip_address="192.0.2.3",
                ssh_port=2222,
                os_type=OsType.UBUNTU22,
                host_keys=("ssh-ed25519 AAAA",),
            ),
        ),
        username=username,
    )


def build(**fields: Any) -> dict[str, Any]:
    return inventory.build(
        spec(**fields),
        artifacts=artifacts.bundle("/bundle", "0" * 64),
        output_directory=Path("/run/output"),
        run_id="r1",
    )


def test_groups_and_host_variables_follow_the_contract() -> None:
    built = build()
    groups = built["all"]["children"]["k8s_cluster"]["children"]
    assert list(groups["kube_control_plane"]["hosts"]) == ["cp"]
    assert groups["kube_node"]["hosts"]["w2"] == {
        "ansible_host": "192.0.2.3",
        "ansible_port": 2222,
        "ansible_user": "root",
        "keelyard_os_type": "ubuntu22",
        "keelyard_machine_id": "",
    }
    variables = built["all"]["vars"]
    assert variables["keelyard_bundle_digest"] == "0" * 64
    assert variables["keelyard_output_dir"] == "/run/output"
    assert variables["keelyard_versions"]["kubernetes"] == catalogue.DEFAULT.kubernetes
    assert "ansible_become" not in built["all"]["children"]["k8s_cluster"]["vars"]


def test_hardening_is_handed_over_whole() -> None:
    asked = Hardening(
        enable_cis_linux_benchmark=True,
        level=1,
        exceptions=(HardeningException(id="linux-1.1.1.1", reason="{{ why }}"),),
    )
    for hardening, expected in (
        (Hardening(), (False, False, 2, [], False)),
        (asked, (True, False, 1, [{"id": "linux-1.1.1.1", "reason": "{{ why }}"}], False)),
    ):
        built = inventory.build(
            msgspec.structs.replace(spec(), hardening=hardening),
            artifacts=artifacts.upstream(),
            output_directory=Path("/run/output"),
            run_id="r1",
        )
        variables = built["all"]["vars"]
        names = (
            "enable_cis_linux_benchmark",
            "enable_cis_k8s_benchmark",
            "hardening_level",
            "hardening_exceptions",
            "default_deny_network_policies",
        )
        assert tuple(variables[f"keelyard_{name}"] for name in names) == expected
    assert '!unsafe "{{ why }}"' in inventory.to_yaml(built)


def test_other_users_than_root_become_root() -> None:
    assert build(username="ops")["all"]["children"]["k8s_cluster"]["vars"]["ansible_become"] is True


def test_an_unknown_kubernetes_version_is_refused() -> None:
    with pytest.raises(InvalidSpec, match="catalogue"):
        build(version="1.12.0")


@pytest.mark.parametrize(
    ("pattern", "hosts"),
    [
        ("all", ["cp", "w1", "w2"]),
        ("kube_node:!w1", ["w2"]),
        ("k8s_cluster,&kube_control_plane", ["cp"]),
        ("localhost", ["localhost"]),
        ("made_at_run_time", None),
    ],
)
def test_patterns_name_hosts(pattern: str, hosts: list[str] | None) -> None:
    assert inventory.resolve(build(), pattern) == hosts


def test_only_nodes_with_recorded_keys_are_pinned() -> None:
    assert inventory.host_keys(spec()) == {"w2": ("ssh-ed25519 AAAA",)}


def test_text_that_looks_like_a_template_is_marked_as_text() -> None:
    text = inventory.to_yaml({"name": "{{ 7*7 }}", "plain": "$(id)\nnewline: x"})
    assert '!unsafe "{{ 7*7 }}"' in text
    assert yaml.safe_load(text.replace("!unsafe ", "")) == {"name": "{{ 7*7 }}", "plain": "$(id)\nnewline: x"}
