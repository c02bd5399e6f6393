"""The scanners of a bundle: what is packed of them, and what is refused."""

from __future__ import annotations

import gzip
import tarfile
from pathlib import Path

import pytest

from engine.bundle import scanners
from engine.bundle.errors import BuildFailed
from tests.unit.bundle.conftest import write_files, write_scanners


def test_lynis_and_the_content_are_packed_where_a_node_can_use_them(tmp_path: Path) -> None:
    scanners.take(write_scanners(tmp_path / "root.tar"), tmp_path)

    with tarfile.open(tmp_path / scanners.LYNIS) as packed:
        modes = {member.name: member.mode for member in packed}
    assert modes == {"lynis": 0o755, "include/consts": 0o644, "db/languages/en": 0o644, "default.prf": 0o644}
    assert gzip.decompress((tmp_path / "ssg-debian13-ds.xml.gz").read_bytes()) == b"<thirteen/>"
    assert scanners.package_versions(tmp_path) == {
        "lynis": "3.1.7-1",
        "ssg-debderived": "0.1.82-1",
        "ssg-debian": "0.1.82-1",
    }


def test_the_same_files_are_packed_to_the_same_bytes(tmp_path: Path) -> None:
    root = write_scanners(tmp_path / "root.tar")
    packed = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        scanners.take(root, tmp_path / name)
        packed.append([(tmp_path / name / file).read_bytes() for file in scanners.FILES])

    assert packed[0] == packed[1]


def test_content_that_is_too_old_is_refused_with_the_way_out(tmp_path: Path) -> None:
    root = write_scanners(tmp_path / "root.tar", "0.1.76-1")

    with pytest.raises(BuildFailed, match=r"ssg-debian 0\.1\.76-1; 0\.1\.82 or newer") as refused:
        scanners.take(root, tmp_path)

    assert "KEELYARD_DEBIAN_MIRROR" in refused.value.remedy


def test_packages_without_the_files_are_refused(tmp_path: Path) -> None:
    with tarfile.open(write_scanners(tmp_path / "root.tar")) as root:
        kept = {m.name[2:]: root.extractfile(m).read() for m in root if "debian13" not in m.name}  # type: ignore[union-attr]

    with pytest.raises(BuildFailed, match="ssg-debian13-ds"):
        scanners.take(write_files(tmp_path / "less.tar", kept), tmp_path)
