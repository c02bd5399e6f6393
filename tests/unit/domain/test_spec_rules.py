"""Rules for specs, without HTTP."""

from __future__ import annotations

import msgspec
import pytest

from engine.domain import address_rules, spec_rules
from engine.domain.errors import InvalidSpec
from engine.domain.specs import (
    AuthMethod,
    ClusterSpec,
    Components,
    Networking,
    NodeSpec,
    SshSecrets,
    Topology,
)
from engine.domain.statuses import NodeRole, OsType

SURROUNDINGS = spec_rules.Surroundings(
    kubernetes_versions=("1.36.4",), own_addresses=frozenset({"198.51.100.7"})
)


def node(number: int, role: NodeRole = NodeRole.WORKER, **changes: object) -> NodeSpec:
    made = NodeSpec(
        name=f"n-{number}",
        role=role,
        ip_address=f"192.0.{2 + number // 200}.{number % 200 + 1}",
        os_type=OsType.DEBIAN12,
    )
    return msgspec.structs.replace(made, **changes)


def spec(workers: int = 1, **changes: object) -> ClusterSpec:
    nodes = (node(0, NodeRole.CONTROL_PLANE), *(node(number) for number in range(1, workers + 1)))
    made = ClusterSpec(
        id="",
        name="yard",
        topology=Topology(ha=False, control_plane_count=1, worker_count=workers),
        components=Components(
            kubernetes_version="1.36.4", cni="bridge", ingress="none", runtime="containerd"
        ),
        nodes=nodes,
        username="root",
    )
    return msgspec.structs.replace(made, **changes)


def fields(checked: ClusterSpec) -> list[str]:
    return [problem.field for problem in spec_rules.problems(checked, SURROUNDINGS)]


def test_a_right_spec_has_no_problem() -> None:
    assert fields(spec()) == []


def test_one_node_alone_is_a_cluster() -> None:
    assert fields(spec(workers=0)) == []


def test_check_raises_every_problem_of_spec_and_access() -> None:
    wrong = spec(name="No", username="-x")

    with pytest.raises(InvalidSpec) as caught:
        spec_rules.check(wrong, SshSecrets(auth_method=AuthMethod.PASSWORD), SURROUNDINGS)

    assert [problem.field for problem in caught.value.problems] == [
        "name",
        "ssh_config.username",
        "ssh_config.password",
    ]


def test_keelyards_own_machine_is_no_node() -> None:
    nodes = (node(0, NodeRole.CONTROL_PLANE), node(1, ip_address="198.51.100.7"))

    assert fields(spec(nodes=nodes)) == ["nodes.1.ip_address"]


@pytest.mark.parametrize(
    ("networking", "field"),
    [
        (Networking(pod_cidr="10.244.0.0/25"), "networking.pod_cidr"),
        (Networking(pod_cidr="10.244.0.1/16"), "networking.pod_cidr"),
        (Networking(pod_cidr="nix"), "networking.pod_cidr"),
        (Networking(pod_cidr="192.0.0.0/16"), "networking.pod_cidr"),
        (Networking(pod_cidr="224.0.0.0/8"), "networking.pod_cidr"),
        (Networking(service_cidr="10.96.0.0/8"), "networking.service_cidr"),
        (Networking(service_cidr="10.96.0.0/30"), "networking.service_cidr"),
        (Networking(service_cidr="10.244.4.0/24"), "networking.service_cidr"),
        (Networking(service_cidr="192.0.2.0/24"), "networking.service_cidr"),
        (Networking(dns_domain="Cluster.Local"), "networking.dns_domain"),
        (Networking(dns_domain="a..b"), "networking.dns_domain"),
        (Networking(dns_domain="x" * 64), "networking.dns_domain"),
    ],
)
def test_ranges_that_cannot_work(networking: Networking, field: str) -> None:
    assert field in fields(spec(networking=networking))


def test_pod_addresses_must_suffice_for_every_node() -> None:
    assert fields(spec(workers=2, networking=Networking(pod_cidr="10.244.0.0/22"))) == []
    assert fields(spec(workers=4, networking=Networking(pod_cidr="10.244.0.0/22"))) == ["networking.pod_cidr"]


def test_too_many_nodes_are_told_once() -> None:
    assert "nodes" in fields(spec(workers=spec_rules.MAXIMUM_NODES))


@pytest.mark.parametrize("address", ["192.0.2.1", "10.0.0.1", "172.16.3.4", "8.8.8.8"])
def test_ordinary_addresses_are_nodes(address: str) -> None:
    assert address_rules.node_address_problem(address) is None


def test_secrets_never_appear_in_problems() -> None:
    secrets = SshSecrets(
        auth_method=AuthMethod.PRIVATE_KEY, private_key="canary", passphrase="canary\n", password="canary\x00"
    )

    problems = list(spec_rules.access_problems("root", secrets))

    assert [problem.field for problem in problems] == [
        "ssh_config.private_key",
        "ssh_config.password",
        "ssh_config.passphrase",
    ]
    assert "canary" not in str(problems)
