"""The wheel carries the playbooks and roles, and its three packages are nobody else's."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def names(tmp_path_factory) -> set[str]:
    target = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    return set(zipfile.ZipFile(next(target.glob("*.whl"))).namelist())


def test_playbooks_roles_and_data_files_are_in_the_wheel(names):
    wanted = {
        "engine/_content/playbooks/provision.yml",
        "engine/_content/playbooks/group_vars/all.yml",
        "engine/_content/roles/lab_node/files/lab-node",
        "engine/_content/roles/node_preflight/tasks/main.yml",
        "engine/processes/demo.yaml",
        "engine/bundle/sources/kubernetes-1.36.4/go.sum",
    }

    assert wanted - names == set()


def test_the_catalogues_of_benchmark_items_are_in_the_wheel(names):
    files = {str(file.relative_to(ROOT)) for file in ROOT.glob("roles/*/catalogue/*.yml")}

    assert len(files) > 2
    assert {f"engine/_content/{file}" for file in files} - names == set()


def test_nothing_but_the_three_packages_is_at_the_top(names):
    tops = {name.split("/")[0] for name in names}

    assert {top for top in tops if not top.endswith(".dist-info")} == {"engine", "api", "tui"}
