"""What the approver of kubelets' serving certificates lets through, and what it leaves to a person."""

from __future__ import annotations

import base64
import ipaddress
from types import ModuleType
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.unit.roles.loading import ROLES, load

NODES = {"n1": {"192.0.2.11"}, "n2": {"192.0.2.12", "2001:db8::12"}}
USAGES = ["digital signature", "server auth"]
KEY = ec.generate_private_key(ec.SECP256R1())
NODE_1 = [(NameOID.ORGANIZATION_NAME, "system:nodes"), (NameOID.COMMON_NAME, "system:node:n1")]


@pytest.fixture(scope="module")
def code() -> ModuleType:
    return load(ROLES / "kube_hardening" / "files" / "approve_kubelets.py")


def names(*dns: str, addresses: tuple[str, ...] = ()) -> x509.SubjectAlternativeName:
    listed: list[x509.GeneralName] = [x509.DNSName(name) for name in dns]
    return x509.SubjectAlternativeName(
        [*listed, *(x509.IPAddress(ipaddress.ip_address(one)) for one in addresses)]
    )


def request(subject: list[tuple[Any, str]] = NODE_1, *extensions: x509.ExtensionType) -> bytes:
    builder = x509.CertificateSigningRequestBuilder()
    builder = builder.subject_name(x509.Name([x509.NameAttribute(oid, text) for oid, text in subject]))
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


GOOD = request(NODE_1, names("n1", addresses=("192.0.2.11",)))


def item(pem: bytes = GOOD, **spec: Any) -> dict[str, Any]:
    told = {
        "signerName": "kubernetes.io/kubelet-serving",
        "username": "system:node:n1",
        "groups": ["system:nodes", "system:authenticated"],
        "usages": USAGES,
        "request": base64.b64encode(pem).decode(),
    }
    return {"metadata": {"name": "csr-1"}, "spec": told | spec, "status": {}}


@pytest.mark.parametrize("usages", [USAGES, [*USAGES, "key encipherment"]])
def test_what_a_kubelet_asks_for_is_approved(code, usages):
    assert code.check(item(usages=usages), NODES) == "n1"


def test_a_node_may_have_several_addresses_and_leave_some_out(code):
    subject = [(NameOID.ORGANIZATION_NAME, "system:nodes"), (NameOID.COMMON_NAME, "system:node:n2")]
    pem = request(subject, names(addresses=("2001:db8::12",)))

    assert code.check(item(pem, username="system:node:n2"), NODES) == "n2"


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ({"signerName": "kubernetes.io/kube-apiserver-client"}, "another signer"),
        ({"username": "system:node:n9"}, "none of this cluster's nodes"),
        ({"username": "n1"}, "none of this cluster's nodes"),
        ({"username": "system:serviceaccount:a:b"}, "none of this cluster's nodes"),
        ({"username": "system:node:"}, "none of this cluster's nodes"),
        ({"username": "system:node:n2"}, "not the node that asks"),
        ({"groups": ["system:authenticated"]}, "nodes' group"),
        ({"groups": []}, "nodes' group"),
        ({"usages": ["digital signature", "client auth"]}, "other usages"),
        ({"usages": [*USAGES, "client auth"]}, "other usages"),
        ({"usages": ["server auth"]}, "other usages"),
        ({"usages": [*USAGES, "server auth"]}, "other usages"),
        ({"usages": []}, "other usages"),
        ({"request": "%%%"}, "one certificate request"),
        ({"request": ""}, "one certificate request"),
    ],
)
def test_who_asks_for_what_is_looked_at(code, spec, why):
    with pytest.raises(code.RefusedError, match=why):
        code.check(item(**spec), NODES)


CN_1 = (NameOID.COMMON_NAME, "system:node:n1")


@pytest.mark.parametrize(
    ("subject", "extensions", "why"),
    [
        (NODE_1, (names("n2"),), "not the node's own"),
        (NODE_1, (names("kubernetes.default.svc", "n1"),), "not the node's own"),
        (NODE_1, (names("*.n1"),), "not the node's own"),
        (NODE_1, (names("N1"),), "not the node's own"),
        (NODE_1, (names("n1\x00.example"),), "not the node's own"),
        (NODE_1, (names("n1", addresses=("192.0.2.12",)),), "not the node's own"),
        (NODE_1, (names("n1", addresses=("10.96.0.1", "192.0.2.11")),), "not the node's own"),
        (NODE_1, (names("n1", addresses=("::ffff:192.0.2.11",)),), "not the node's own"),
        (NODE_1, (x509.SubjectAlternativeName([x509.RFC822Name("a@n1")]),), "neither a name nor an address"),
        (
            NODE_1,
            (x509.SubjectAlternativeName([x509.UniformResourceIdentifier("spiffe://n1")]),),
            "neither a name",
        ),
        (NODE_1, (x509.SubjectAlternativeName([]),), "neither name nor address"),
        (NODE_1, (), "other attributes"),
        (NODE_1, (names("n1"), x509.BasicConstraints(ca=True, path_length=None)), "other extensions"),
        (NODE_1, (x509.BasicConstraints(ca=True, path_length=None),), "other extensions"),
        (NODE_1, (names("n1"), x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])), "other extensions"),
        ([(NameOID.ORGANIZATION_NAME, "system:masters"), CN_1], (names("n1"),), "not the node that asks"),
        ([*NODE_1, (NameOID.ORGANIZATION_NAME, "system:masters")], (names("n1"),), "not the node that asks"),
        ([*NODE_1, CN_1], (names("n1"),), "not the node that asks"),
        ([*NODE_1, (NameOID.ORGANIZATIONAL_UNIT_NAME, "x")], (names("n1"),), "not the node that asks"),
        ([CN_1], (names("n1"),), "not the node that asks"),
        ([NODE_1[0], (NameOID.COMMON_NAME, "system:node:n2")], (names("n1"),), "not the node that asks"),
        ([NODE_1[0], (NameOID.COMMON_NAME, "system:node:n1 ")], (names("n1"),), "not the node that asks"),
        ([NODE_1[0], (NameOID.COMMON_NAME, "system:node:ñ1")], (names("n1"),), "letters"),
    ],
)
def test_what_a_hostile_node_would_like_is_left_to_a_person(code, subject, extensions, why):
    with pytest.raises(code.RefusedError, match=why):
        code.check(item(request(subject, *extensions)), NODES)


@pytest.mark.parametrize(
    "pem",
    [
        GOOD + GOOD,
        b"x" + GOOD,
        GOOD.replace(b"CERTIFICATE REQUEST", b"CERTIFICATE"),
        GOOD + b"\n" * 20_000,
        b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n",
        b"-----BEGIN CERTIFICATE REQUEST-----\nA\n-----END CERTIFICATE REQUEST-----\n",
    ],
)
def test_anything_but_one_whole_request_is_refused(code, pem):
    with pytest.raises(code.RefusedError):
        code.check(item(pem), NODES)


def test_no_cut_or_changed_request_gets_past_or_breaks_the_approver(code):
    der = x509.load_pem_x509_csr(GOOD).public_bytes(serialization.Encoding.DER)

    def outcome(data: bytes) -> str:
        pem = b"-----BEGIN CERTIFICATE REQUEST-----\n" + base64.encodebytes(data)
        try:
            return str(code.check(item(pem + b"-----END CERTIFICATE REQUEST-----\n"), NODES))
        except code.RefusedError:
            return ""

    cut = [outcome(der[:length]) for length in range(len(der))]
    # A changed byte may pass in what the signer checks (key, signature), but never for another node.
    changed = {
        outcome(der[:at] + bytes([der[at] ^ flip]) + der[at + 1 :])
        for at in range(len(der))
        for flip in (1, 128)
    }
    assert set(cut) == {""}
    assert changed <= {"", "n1"}


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({}, True),
        ({"conditions": [{"type": "Denied"}]}, False),
        ({"conditions": [{"type": "Approved"}]}, False),
        ({"conditions": [{"type": "Failed"}]}, False),
        ({"certificate": "..."}, False),
    ],
)
def test_what_is_decided_stays_decided(code, status, expected):
    assert code.undecided({"status": status}) is expected


class Cluster:
    def __init__(self) -> None:
        self.approved: list[str] = []

    def approve(self, asked: dict[str, Any], name: str) -> int:
        self.approved.append(name)
        return 200


def test_a_refusal_is_said_once_and_not_an_approval(code, capsys):
    cluster, refused = Cluster(), {}

    for _ in range(3):
        code.judge(cluster, item(groups=[]), NODES, refused)
    code.judge(cluster, item(), NODES, refused)

    said = capsys.readouterr().out.splitlines()
    assert len(said) == 2
    assert "left to a person" in said[0]
    assert cluster.approved == ["n1"]


def test_addresses_are_known_in_one_spelling(code, tmp_path):
    path = tmp_path / "nodes.json"
    path.write_text('{"server": "192.0.2.1", "nodes": {"n2": ["2001:0DB8:0::12", "192.0.2.12"]}}')

    assert code.known(str(path)) == ("192.0.2.1", {"n2": {"2001:db8::12", "192.0.2.12"}})
