"""`keelyard bundle` from the outside, on a small bundle and without compilers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from engine.bundle import build as builder
from engine.bundle import toolchain
from engine.bundle.components import go_components
from engine.bundle.errors import BuildFailed, MissingTool
from engine.domain import catalogue
from engine.domain.errors import ArtifactRejected, Conflict
from engine.processes.commands.bundle import bundle as command


def test_verify_prints_the_digest_nodes_check(bundle: Path) -> None:
    result = CliRunner().invoke(command, ["verify", str(bundle), "--json"])

    assert result.exit_code == 0
    printed = json.loads(result.stdout)
    assert printed["verified"] is True
    assert len(printed["digest"]) == 64


def test_verify_takes_this_machines_bundle_by_default(bundle: Path) -> None:
    result = CliRunner().invoke(command, ["verify"])

    assert result.exit_code == 0
    assert "signature and 3 files hold" in result.stdout
    assert "Kubernetes 1.36.4" in result.stdout


def test_verify_fails_for_a_swapped_file(bundle: Path) -> None:
    (bundle / "bin/kubeadm").write_bytes(b"evil")

    result = CliRunner().invoke(command, ["verify"])

    assert isinstance(result.exception, ArtifactRejected)


def test_show_prints_components_images_and_files(bundle: Path) -> None:
    result = CliRunner().invoke(command, ["show", str(bundle)])

    assert result.exit_code == 0
    for expected in ("k8s.io/kubernetes@v1.36.4", "registry.k8s.io/pause:3.10.2", "images/node.tar"):
        assert expected in result.stdout


def test_show_as_json_is_the_manifest(bundle: Path) -> None:
    result = CliRunner().invoke(command, ["show", "--json"])

    assert json.loads(result.stdout) == json.loads((bundle / "bundle.json").read_text())


def test_an_unsupported_version_is_wrong_usage_and_names_the_supported_ones(home: Path) -> None:
    result = CliRunner().invoke(command, ["build", "--kubernetes", "1.28.3"])

    assert result.exit_code == 2
    assert catalogue.DEFAULT.kubernetes in result.stderr


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_build_leaves_what_is_no_bundle_alone(home: Path, tmp_path: Path, kind: str) -> None:
    target = tmp_path / "precious"
    if kind == "file":
        target.write_text("precious")
    else:
        target.mkdir()
        (target / "letter").write_text("precious")

    with pytest.raises(Conflict, match="not a bundle"):
        builder.build(target)
    assert target.exists()


def test_a_missing_go_client_is_said_before_anything_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toolchain, "find", lambda _program: None)

    with pytest.raises(MissingTool, match="not installed") as missing:
        toolchain.require_go(go_components(catalogue.DEFAULT))
    assert "go.dev/dl" in missing.value.remedy


@pytest.mark.parametrize(("setting", "accepted"), [("auto", True), ("local", False)])
def test_an_old_go_client_will_do_when_it_may_fetch_a_newer_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: str, accepted: bool
) -> None:
    go = tmp_path / "go"
    go.write_text(f'#!/bin/sh\ncase "$2" in GOVERSION) echo go1.23.1;; GOTOOLCHAIN) echo {setting};; esac\n')
    go.chmod(0o755)
    monkeypatch.setattr(toolchain, "find", lambda _program: str(go))

    if accepted:
        assert toolchain.require_go(go_components(catalogue.DEFAULT)) == str(go)
    else:
        with pytest.raises(MissingTool, match=r"go1\.23\.1 at .* is too old"):
            toolchain.require_go(go_components(catalogue.DEFAULT))


def test_missing_packages_are_named_together_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toolchain.shutil, "which", lambda _program: None)

    with pytest.raises(MissingTool) as missing:
        toolchain.require_packages(c_compiler=True, seccomp=True, debian_roots=True)
    for package in ("gcc", "libc6-dev", "libseccomp-dev", "mmdebstrap"):
        assert package in missing.value.remedy.split()


def test_a_failed_tool_is_reported_with_its_last_words() -> None:
    with pytest.raises(BuildFailed, match="sh ended with 3: cannot find it"):
        toolchain.run(["sh", "-c", "echo cannot find it >&2; exit 3"])
