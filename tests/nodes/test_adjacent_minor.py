"""The other catalogued minors: each has its bundle built and a cluster provisioned from it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from engine import content, lab
from engine.bundle import build
from engine.domain import catalogue

pytestmark = [pytest.mark.nodes, pytest.mark.full]

OTHERS = [release for release in catalogue.RELEASES if release is not catalogue.DEFAULT]


@pytest.mark.timeout(5400)  # a cold build compiles Kubernetes
@pytest.mark.parametrize("release", OTHERS, ids=lambda release: release.kubernetes)
def test_a_cluster_of_the_adjacent_minor_comes_up_and_stays_as_it_is(release, tmp_path):
    bundle = content.home() / f"bundle-{release.minor}"
    build.build(bundle, release=release)
    name = f"adj{os.getpid() % 10000}"
    try:
        yard = lab.up(name, nodes=2)
        request = lab.create_request(name, name, kubernetes_version=release.kubernetes)
        spec = tmp_path / "cluster.yml"
        spec.write_text(yaml.safe_dump({**request, "artifacts": "bundle", "bundle": str(bundle)}))
        first, second = (run(spec, yard.private_key, tmp_path / "output") for _ in range(2))
    finally:
        lab.down(name)

    assert first.returncode == 0, first.stderr[-3000:]
    assert second.returncode == 0, second.stderr[-3000:]
    assert yaml.safe_load((tmp_path / "output" / "kubeconfig").read_text())["kind"] == "Config"


def run(spec: Path, key: str, output: Path) -> subprocess.CompletedProcess[str]:
    command = ["run", "provision", "--spec", str(spec), "--ssh-key", key, "--output", str(output)]
    return subprocess.run(
        [sys.executable, "-m", "engine.processes", *command], capture_output=True, text=True, check=False
    )
