"""Archives are the same for the same input, and are what a container runtime reads."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import tarfile
from pathlib import Path

from engine.bundle import debian_root, images
from tests.unit.bundle.conftest import write_root

REFERENCE = "registry.k8s.io/pause:3.10.2"


def write(folder: Path, content: bytes = b"program") -> Path:
    folder.mkdir()
    (folder / "program").write_bytes(content)
    base = images.write_layer(folder / "base", images.base_entries(b"certificates"))
    top = images.write_layer(folder / "top", [images.program(folder / "program", "/usr/local/bin/pause")])
    image = images.Image(reference=REFERENCE, layers=(base, top), entrypoint=("/usr/local/bin/pause",))
    images.write_archive(folder / "archive.tar", [image])
    return folder / "archive.tar"


def blob(archive: tarfile.TarFile, descriptor: dict[str, str]) -> bytes:
    algorithm, _, digest = descriptor["digest"].partition(":")
    stream = archive.extractfile(f"blobs/{algorithm}/{digest}")
    assert stream is not None
    content = stream.read()
    assert hashlib.sha256(content).hexdigest() == digest
    assert len(content) == descriptor["size"]
    return content


def test_the_same_input_gives_the_same_bytes_at_another_time(tmp_path: Path) -> None:
    first = write(tmp_path / "first")
    second = write(tmp_path / "second")
    os.utime(tmp_path / "second/program", (0, 0))

    assert first.read_bytes() == second.read_bytes()


def test_other_input_gives_another_archive(tmp_path: Path) -> None:
    assert write(tmp_path / "first").read_bytes() != write(tmp_path / "second", b"other").read_bytes()


def test_an_archive_is_an_oci_layout_whose_digests_hold(tmp_path: Path) -> None:
    with tarfile.open(write(tmp_path / "made")) as archive:
        index = json.loads(archive.extractfile("index.json").read())  # type: ignore[union-attr]
        assert index["manifests"][0]["annotations"]["io.containerd.image.name"] == REFERENCE
        manifest = json.loads(blob(archive, index["manifests"][0]))
        config = json.loads(blob(archive, manifest["config"]))
        layers = [blob(archive, layer) for layer in manifest["layers"]]
    plain = [hashlib.sha256(gzip.decompress(layer)).hexdigest() for layer in layers]
    assert config["rootfs"]["diff_ids"] == [f"sha256:{digest}" for digest in plain]
    assert config["config"]["Entrypoint"] == ["/usr/local/bin/pause"]


def test_layers_carry_no_time_and_no_owner_of_the_maker(tmp_path: Path) -> None:
    write(tmp_path / "made")
    with tarfile.open(tmp_path / "made/base") as layer:
        members = layer.getmembers()
    assert {(member.mtime, member.uid, member.gid) for member in members} == {(0, 0, 0)}
    assert next(member for member in members if member.name == "tmp").mode == 0o1777


def test_a_debian_root_becomes_a_layer_with_the_links_debian_would_make(tmp_path: Path) -> None:
    made = debian_root.layer_entries(write_root(tmp_path / "root.tar"))
    entries = {entry.name: (entry, content) for entry, content in made}

    assert entries["bin"][0].linkname == "usr/bin"
    assert entries["usr/sbin/iptables-restore"][0].linkname == "xtables-nft-multi"
    assert entries["usr/bin/again"][1] == b"tables"
    assert entries["etc/ssl/certs/ca-certificates.crt"][1] == b"first\nsecond\n"
    assert {entry.mtime for entry, _ in entries.values()} == {0}
    assert "usr/null" not in entries
    assert not [name for name in entries if name.startswith("usr/share/doc/")]


def test_the_root_tells_its_package_versions(tmp_path: Path) -> None:
    assert debian_root.package_versions(write_root(tmp_path / "r")) == {"iptables": "1.8.11-2"}
