"""`keelyard plan` and `keelyard verify` as commands: usage, and errors as exit codes."""

from __future__ import annotations

import subprocess
import sys

import pytest


def keelyard(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from engine.processes.command_line import main; main()", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)


@pytest.mark.parametrize("arguments", [[], ["yard", "--spec", "cluster.yml"]])
def test_a_cluster_or_a_spec_file_is_named_and_not_both(arguments: list[str]) -> None:
    done = keelyard("plan", *arguments)

    assert done.returncode == 2
    assert "Name a cluster, or a spec file with --spec." in done.stderr


def test_what_cannot_be_found_out_is_exit_code_1() -> None:
    done = keelyard("verify", "--spec", "/nowhere/cluster.yml")

    assert done.returncode == 1
    assert "/nowhere/cluster.yml" in done.stderr
