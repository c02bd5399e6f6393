"""The Python that runs on nodes, function by function."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import signal
import socket
import tarfile

import pytest

from tests.unit.roles.loading import module, shared

TOKEN = "abcdef.0123456789abcdef"


class Refused(Exception):
    """What fail_json becomes here."""


class Module:
    """The parts of AnsibleModule that the functions use."""

    def __init__(self, **params):
        self.params = params
        self.check_mode = False

    def fail_json(self, msg, **_):
        raise Refused(msg)


def test_tokens_keys_and_passwords_are_redacted_and_the_rest_is_kept():
    key = "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----"
    text = f"join with --token {TOKEN}\n{key}\npassword: hunter2 ok"

    redacted = shared("keelyard").redact(text)

    assert TOKEN not in redacted
    assert "MIIE" not in redacted
    assert "hunter2" not in redacted
    assert redacted.startswith("join with --token ")


def test_a_replaced_file_is_never_half_written(tmp_path):
    path = tmp_path / "sub" / "file"

    shared("keelyard").write_text(str(path), "new\n", 0o600)

    assert path.read_text() == "new\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(path.parent.iterdir()) == [path]


SAVED = """*nat
:PREROUTING ACCEPT [0:0]
:KUBE-SERVICES - [0:0]
:MINE - [0:0]
-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A PREROUTING -m comment --comment "KUBE- is only named here" -j MINE
-A KUBE-SERVICES -j RETURN
COMMIT
*filter
:INPUT ACCEPT [0:0]
-A INPUT -s 203.0.113.7/32 -j DROP
COMMIT
"""


def test_only_kubernetes_chains_and_the_jumps_into_them_are_removed():
    script = module("reset_node", "kube_reset").firewall_script(SAVED)

    assert script.splitlines() == [
        "*nat",
        '-D PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES',
        "-F KUBE-SERVICES",
        "-X KUBE-SERVICES",
        "COMMIT",
    ]


def test_a_firewall_without_kubernetes_is_left_alone():
    assert module("reset_node", "kube_reset").firewall_script("*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n") == ""


def sent(tmp_path, files, sums=None):
    """An archive as the controller sends it."""
    listing = sums or "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in files.items())
    path = tmp_path / "sent" / "bundle.tar"
    path.parent.mkdir(exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, data in {"SHA256SUMS": listing.encode(), **files}.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path, hashlib.sha256(listing.encode()).hexdigest()


def check(tmp_path, archive, digest, wanted):
    code = module("bundle_install")
    inside = tmp_path / "staging"
    inside.mkdir()
    fake = Module(digest=digest)
    digests = code.receive(fake, str(archive.parent), sorted(wanted), str(inside))
    code.verified(fake, str(inside), digests, wanted)


def test_a_sound_archive_is_accepted(tmp_path):
    archive, digest = sent(tmp_path, {"bin/kubelet": b"real"})

    check(tmp_path, archive, digest, {"bin/kubelet": hashlib.sha256(b"real").hexdigest()})


@pytest.mark.parametrize(("content", "accepted"), [(b"real", True), (b"evil", False)])
def test_a_big_file_that_travels_by_itself_is_checked_like_the_others(tmp_path, content, accepted):
    sums = f"{hashlib.sha256(b'real').hexdigest()}  images/node.tar\n"
    archive, digest = sent(tmp_path, {}, sums)
    (archive.parent / "images__node.tar").write_bytes(content)
    wanted = {"images/node.tar": hashlib.sha256(b"real").hexdigest()}

    refusal = pytest.raises(Refused, match=r"images/node\.tar arrived with")
    with contextlib.nullcontext() if accepted else refusal:
        check(tmp_path, archive, digest, wanted)


def test_a_file_swapped_together_with_its_checksum_is_refused(tmp_path):
    _, digest = sent(tmp_path, {"bin/kubelet": b"real"})
    archive, _ = sent(tmp_path, {"bin/kubelet": b"evil"})

    with pytest.raises(Refused, match="not the one that was signed"):
        check(tmp_path, archive, digest, {"bin/kubelet": hashlib.sha256(b"evil").hexdigest()})


def test_a_file_that_arrives_damaged_is_refused(tmp_path):
    sums = f"{hashlib.sha256(b'real').hexdigest()}  bin/kubelet\n"
    archive, digest = sent(tmp_path, {"bin/kubelet": b"dama"}, sums)

    with pytest.raises(Refused, match="bin/kubelet arrived with checksum"):
        check(tmp_path, archive, digest, {"bin/kubelet": hashlib.sha256(b"real").hexdigest()})


def test_an_archive_that_lacks_a_file_is_refused(tmp_path):
    archive, digest = sent(tmp_path, {"bin/kubelet": b"real"})

    with pytest.raises(Refused, match="incomplete"):
        check(tmp_path, archive, digest, {"bin/kubeadm": "0"})


def test_a_service_older_than_its_configuration_is_told_from_a_fresh_one(tmp_path):
    code, path = module("fresh_service"), tmp_path / "config"
    path.touch()
    written = path.stat().st_mtime

    assert code.newer_than(written - 1, [str(path)]) == [str(path)]
    assert code.newer_than(written + 1, [str(path), str(tmp_path / "absent")]) == []


def test_reasons_for_a_restart_are_told_in_words():
    code = module("fresh_service")
    unit = {"UnitFileState": "disabled", "ActiveState": "inactive", "changed_on_disk": True}

    assert code.reasons(unit, [], may_run=True) == ["not enabled", "its unit changed on disk", "not running"]
    assert code.reasons({"UnitFileState": "enabled", "ActiveState": "inactive"}, [], may_run=False) == []


@pytest.mark.parametrize(
    ("unit", "on_disk", "expected"),
    [
        ({"NeedDaemonReload": "yes"}, [], True),
        ({"NeedDaemonReload": "no", "DropInPaths": ""}, ["/etc/systemd/system/a.service.d/1.conf"], True),
        ({"DropInPaths": "/etc/systemd/system/a.service.d/1.conf"}, [], True),
        ({"DropInPaths": "/usr/lib/systemd/system/service.d/x.conf"}, [], False),
    ],
)
def test_a_unit_that_changed_on_disk_is_noticed(monkeypatch, unit, on_disk, expected):
    code = module("fresh_service")
    monkeypatch.setattr(code, "drop_ins", lambda _: on_disk)

    assert code.changed_on_disk("a.service", unit) is expected


def test_every_token_of_ours_is_found_in_kubeadms_list(monkeypatch):
    code = module("join_token")
    tokens = [
        {"token": "aaaaaa.0000000000000000", "description": "keelyard"},
        {"token": "bbbbbb.0000000000000000", "description": "an operator's"},
        {"token": "cccccc.0000000000000000", "description": "keelyard"},
    ]
    listing = "\n".join(json.dumps(token, indent=4) for token in tokens)
    monkeypatch.setattr(code, "kubeadm", lambda *_: listing)

    assert code.ours(Module(description="keelyard")) == ["aaaaaa", "cccccc"]


def test_listeners_answer_probes_and_can_be_ended():
    net = shared("keelyard_net")
    with socket.socket() as free, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        free.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        tcp, udp = free.getsockname()[1], other.getsockname()[1]

    process = net.listen([tcp], [udp], 30)
    try:
        assert net.connect("127.0.0.1", tcp) == ""
        answer, why = net.ask("127.0.0.1", udp, 64)
        assert why == ""
        assert answer[0] == 64
        assert abs(answer[1]) < 1
    finally:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
    assert net.connect("127.0.0.1", tcp) != ""


def test_swap_lines_are_commented_out_so_that_they_can_come_back(tmp_path, monkeypatch):
    code, fstab = module("kernel_state", "node_prepare"), tmp_path / "fstab"
    before = "UUID=1 / ext4 defaults 0 1\nUUID=2 none swap sw 0 0\n# /old none swap sw 0 0\n"
    fstab.write_text(before)
    monkeypatch.setattr(code, "FSTAB", str(fstab))
    fake = Module()
    fake.check_mode = True  # the machine's own swap stays as it is

    code.swap_off(fake)
    fake.check_mode = False
    edited = code.re.sub(r"(?m)^(?=[^#\n]*\sswap\s)", code.MARK, before)

    assert edited.splitlines()[1] == "# keelyard: UUID=2 none swap sw 0 0"
    assert module("reset_node", "kube_reset").re.sub(r"(?m)^# keelyard: ", "", edited) == before
    assert fstab.read_text() == before
