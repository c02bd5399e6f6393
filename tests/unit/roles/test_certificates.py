"""When a control plane's certificates expire, from the files that kubeadm leaves."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.unit.roles.loading import PLAYBOOKS, load, module, shared

SOON = datetime(2026, 12, 13, 8, 30, 5, tzinfo=UTC)
FAR = datetime(2056, 11, 22, tzinfo=UTC)  # beyond UTCTime, so told as GeneralizedTime


def certificate(until: datetime) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kube-apiserver")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2025, 12, 13, tzinfo=UTC))
        .not_valid_after(until)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode()


def kubeconfig(until: datetime) -> str:
    embedded = base64.b64encode(certificate(until).encode()).decode()
    return f"users:\n- name: admin\n  user:\n    client-certificate-data: {embedded}\n    client-key-data: eA==\n"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "pki" / "etcd").mkdir(parents=True)
    (tmp_path / "pki" / "apiserver.crt").write_text(certificate(SOON))
    (tmp_path / "pki" / "etcd" / "ca.crt").write_text(certificate(FAR))
    (tmp_path / "admin.conf").write_text(kubeconfig(SOON))
    return tmp_path


def test_certificates_are_read_from_files_and_kubeconfigs(home: Path):
    found = shared("keelyard_certificates").expiries(str(home))

    assert found == [
        {"name": "apiserver", "expires_at": "2026-12-13T08:30:05+00:00"},
        {"name": "admin.conf", "expires_at": "2026-12-13T08:30:05+00:00"},
        {"name": "etcd-ca", "expires_at": "2056-11-22T00:00:00+00:00"},
    ]


@pytest.mark.parametrize(
    "damage",
    ["", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----", "users: []", "\x00\xff"],
    ids=["empty", "no base64", "no certificate", "bytes"],
)
def test_what_is_no_certificate_is_left_out(home: Path, damage: str):
    (home / "pki" / "apiserver.crt").write_text(damage, encoding="latin-1")

    names = [each["name"] for each in shared("keelyard_certificates").expiries(str(home))]

    assert names == ["admin.conf", "etcd-ca"]


def test_a_certificate_that_is_cut_short_anywhere_is_left_out():
    code = shared("keelyard_certificates")
    whole = code.der(certificate(SOON))

    for length in range(len(whole)):
        with pytest.raises((ValueError, IndexError)):
            code.not_after(whole[:length])


def test_a_machine_that_is_no_control_plane_has_none(tmp_path: Path):
    assert shared("keelyard_certificates").expiries(str(tmp_path)) == []
    assert module("node_facts").expiries is shared("keelyard_certificates").expiries


def test_they_are_in_the_report_of_the_node(home: Path):
    filters = load(PLAYBOOKS / "filter_plugins" / "keelyard.py")
    found = shared("keelyard_certificates").expiries(str(home))
    known = dict.fromkeys(
        ("machine_id", "hostname", "address", "kernel", "cgroup_version", "kubelet_version"), ""
    )

    [report] = filters.node_reports({"c1": {**known, "os": {"name": ""}, "certificates": found}}, "/out")

    assert json.loads(report["content"])["certificates"] == found
