"""A bundle is accepted whole and as signed, and refused for each way it can differ."""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from engine.bundle import manifest as manifests
from engine.bundle import signing
from engine.bundle.verification import verify
from engine.domain.errors import ArtifactRejected, NotFound


def sign_again(bundle: Path, key: Ed25519PrivateKey | None = None) -> None:
    """What only the holder of the key can do."""
    key = key or signing.obtain_private_key()
    (bundle / "SHA256SUMS.sig").write_bytes(signing.sign(key, (bundle / "SHA256SUMS").read_bytes()))


def list_again(bundle: Path) -> None:
    """Makes the checksums agree with the files, as someone who swaps a file would."""
    files = [path for path in bundle.rglob("*") if path.is_file() and not path.name.startswith("SHA256SUMS")]
    checksums = {
        path.relative_to(bundle).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files
    }
    (bundle / "SHA256SUMS").write_bytes(manifests.encode_checksums(checksums))


def test_a_bundle_as_it_was_signed_is_accepted(bundle: Path) -> None:
    verified = verify(bundle)

    assert verified.digest == hashlib.sha256((bundle / "SHA256SUMS").read_bytes()).hexdigest()
    assert verified.manifest.kubernetes_version == "1.36.4"


def test_a_node_can_check_it_with_sha256sum(bundle: Path) -> None:
    subprocess.run(["sha256sum", "-c", "--strict", "SHA256SUMS"], cwd=bundle, check=True, capture_output=True)


def swap_a_file(bundle: Path) -> None:
    (bundle / "bin/kubeadm").write_bytes(b"evil")


def swap_a_file_with_its_checksum(bundle: Path) -> None:
    swap_a_file(bundle)
    list_again(bundle)


def swap_a_file_and_sign_with_another_key(bundle: Path) -> None:
    swap_a_file_with_its_checksum(bundle)
    sign_again(bundle, Ed25519PrivateKey.generate())


def swap_a_file_without_telling_the_manifest(bundle: Path) -> None:
    swap_a_file_with_its_checksum(bundle)
    sign_again(bundle)


def add_a_file(bundle: Path) -> None:
    (bundle / "bin/extra").write_bytes(b"extra")


def remove_a_file(bundle: Path) -> None:
    (bundle / "cni/bridge").unlink()


def make_a_file_a_link(bundle: Path) -> None:
    (bundle / "cni/bridge").unlink()
    (bundle / "cni/bridge").symlink_to("../bin/kubeadm")


def garble_the_signature(bundle: Path) -> None:
    (bundle / "SHA256SUMS.sig").write_bytes(b"not base64!")


def zero_the_signature(bundle: Path) -> None:
    (bundle / "SHA256SUMS.sig").write_bytes(base64.b64encode(bytes(64)))


def name_an_archive_that_is_not_there(bundle: Path) -> None:
    manifest = manifests.decode((bundle / "bundle.json").read_bytes())
    lost = tuple(msgspec.structs.replace(image, file="images/lost.tar") for image in manifest.images)
    (bundle / "bundle.json").write_bytes(msgspec.structs.replace(manifest, images=lost).encode())
    list_again(bundle)
    sign_again(bundle)


def list_a_file_outside(bundle: Path) -> None:
    with (bundle / "SHA256SUMS").open("a") as checksums:
        checksums.write(f"{'0' * 64}  ../outside\n")
    sign_again(bundle)


@pytest.mark.parametrize(
    ("tamper", "says"),
    [
        (swap_a_file, "bin/kubeadm is not what was signed"),
        (swap_a_file_with_its_checksum, "signature"),
        (swap_a_file_and_sign_with_another_key, "signature"),
        (swap_a_file_without_telling_the_manifest, "disagree on bin/kubeadm"),
        (add_a_file, "do not list: bin/extra"),
        (remove_a_file, "lacks cni/bridge"),
        (make_a_file_a_link, "cni/bridge is neither"),
        (garble_the_signature, "signature"),
        (zero_the_signature, "signature"),
        (name_an_archive_that_is_not_there, r"images/lost\.tar"),
        (list_a_file_outside, "line 5"),
    ],
)
def test_a_bundle_that_differs_is_refused(bundle: Path, tamper: Callable[[Path], None], says: str) -> None:
    tamper(bundle)

    with pytest.raises(ArtifactRejected, match=says):
        verify(bundle)


@pytest.mark.parametrize("missing", ["bundle.json", "SHA256SUMS", "SHA256SUMS.sig"])
def test_a_folder_without_one_of_the_three_files_is_refused(bundle: Path, missing: str) -> None:
    (bundle / missing).unlink()

    with pytest.raises((ArtifactRejected, NotFound), match=missing):
        verify(bundle)


def test_another_format_is_refused_with_what_to_do(bundle: Path) -> None:
    manifest = manifests.decode((bundle / "bundle.json").read_bytes())
    (bundle / "bundle.json").write_bytes(msgspec.structs.replace(manifest, format=2).encode())
    list_again(bundle)
    sign_again(bundle)

    with pytest.raises(ArtifactRejected, match="format 2") as refused:
        verify(bundle)
    assert "Build the bundle again" in refused.value.remedy


def test_a_carried_bundle_needs_the_makers_public_key(bundle: Path, tmp_path: Path) -> None:
    carried = tmp_path / "bundle-signing.pub"
    shutil.move(signing.public_key_path(), carried)

    with pytest.raises(NotFound, match="no public key"):
        verify(bundle)
    assert verify(bundle, carried).path == bundle


def test_something_else_than_a_key_is_refused(bundle: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("no key")

    with pytest.raises(ArtifactRejected, match="not an Ed25519 public key"):
        verify(bundle, other)


@pytest.mark.parametrize("wanted", ["1.36.4", "v1.36.4", "1.36"])
def test_a_bundle_of_the_wanted_version_is_accepted(bundle: Path, wanted: str) -> None:
    assert verify(bundle, kubernetes=wanted).manifest.kubernetes_version == "1.36.4"


@pytest.mark.parametrize("wanted", ["1.37.1", "1.3", "1.36.3"])
def test_a_bundle_of_another_version_is_refused_with_the_command_that_builds_it(
    bundle: Path, wanted: str
) -> None:
    with pytest.raises(ArtifactRejected, match=r"holds Kubernetes 1\.36\.4") as refused:
        verify(bundle, kubernetes=wanted)
    assert f"--kubernetes {wanted}" in refused.value.remedy
