"""A build from a filled cache: assembled, signed, replaced only when its content changes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from engine import content
from engine.bundle import build as builder
from engine.bundle import parts, scanners
from engine.bundle.cache import Cache
from engine.bundle.components import go_components
from engine.bundle.verification import verify
from engine.domain import catalogue
from engine.processes.commands.bundle import bundle as command
from tests.unit.bundle.conftest import write_root, write_scanners


@pytest.fixture
def filled(home: Path) -> Path:
    """A cache that holds every part, so that nothing is compiled or fetched."""
    cache = Cache(content.cache() / "bundle")
    programs = {component.name: tuple(component.programs) for component in go_components(catalogue.DEFAULT)}
    for part in parts.all_parts(catalogue.DEFAULT):

        def make(into: Path, part: parts.Part = part) -> None:
            if part.name == "debian-root":
                write_root(into / "root.tar")
            if part.name == scanners.CONTENT:
                scanners.take(write_scanners(into / "root.tar"), into)
            for program in programs.get(part.name, (part.name,)):
                (into / program).write_text(f"{program} {part.version}")

        cache.obtain(part.label, part.key, make)
    return cache.root


def test_a_built_bundle_verifies_and_holds_what_nodes_need(filled: Path, home: Path) -> None:
    built = builder.build()

    verified = verify(home / "bundle")
    assert verified.digest == built.digest
    assert verified.manifest == built.manifest
    for name in ("bin/kubelet", "bin/containerd-shim-runc-v2", "cni/flannel", "scanners/lynis.tar.gz"):
        assert name in verified.manifest.files
    assert (home / "bundle/bin/kubelet").stat().st_mode & 0o777 == 0o755
    assert [path.name for path in home.iterdir() if path.name.startswith(".")] == []


def test_a_second_build_leaves_the_bundle_as_it_is(filled: Path, home: Path) -> None:
    first = builder.build()
    written = (home / "bundle/bundle.json").stat().st_mtime_ns

    assert builder.build().digest == first.digest
    assert (home / "bundle/bundle.json").stat().st_mtime_ns == written


def test_a_damaged_bundle_is_made_whole_from_the_cache(filled: Path, home: Path) -> None:
    builder.build()
    (home / "bundle/bin/kubelet").write_text("damaged")

    builder.build()

    assert verify(home / "bundle").manifest.kubernetes_version == catalogue.DEFAULT.kubernetes


def test_what_is_built_is_said_and_what_is_cached_is_not(filled: Path, tmp_path: Path) -> None:
    said: list[str] = []
    builder.build(tmp_path / "one", report=said.append)
    assert any("images/node.tar" in line for line in said)

    said.clear()
    builder.build(tmp_path / "two", report=said.append)
    assert said == [f"Assembling {tmp_path / 'two'}"]


def test_the_command_prints_path_and_digest(filled: Path, home: Path) -> None:
    result = CliRunner().invoke(command, ["build", "--json"])

    assert result.exit_code == 0
    assert json.loads(result.stdout) == {
        "path": str(home / "bundle"),
        "digest": verify(home / "bundle").digest,
    }
    assert "Assembling" in result.stderr
