"""Runs the lab playbook with plain ansible-playbook and says in a sentence what went wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from engine import content
from engine.domain import errors

Narrate = Callable[[str], None]


def play(variables: Mapping[str, Any], narrate: Narrate) -> None:
    """Runs `playbooks/lab.yml` on this machine; `narrate` is told the name of each task.

    Raises:
        RunFailed: with the output of the task that failed.
    """
    command = [sys.executable, "-m", "ansible", "playbook", "-i", "localhost,"]
    with (
        tempfile.TemporaryDirectory(prefix="keelyard-lab-") as scratch,
        tempfile.TemporaryFile("w+") as noise,
    ):
        process = subprocess.Popen(
            [*command, "-e", json.dumps(dict(variables)), str(content.playbooks() / "lab.yml")],
            env=_environment(Path(scratch)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=noise,
            text=True,
            cwd="/",
        )
        assert process.stdout is not None
        with process, process.stdout as lines:
            failure, rest = _follow(lines, narrate)
        if process.returncode != 0:
            noise.seek(0)
            raise errors.RunFailed(failure or _last_words(noise.read() + rest, process.returncode))


def _environment(scratch: Path) -> dict[str, str]:
    settings = scratch / "ansible.cfg"  # an empty one: the operator's own must not decide how a lab is made
    settings.touch()
    own = {
        "ANSIBLE_CONFIG": str(settings),
        "ANSIBLE_ROLES_PATH": str(content.roles()),
        "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.jsonl",
        "ANSIBLE_LOCALHOST_WARNING": "False",
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "False",
        "ANSIBLE_RETRY_FILES_ENABLED": "False",
        "ANSIBLE_NOCOLOR": "1",
        "LC_ALL": "C.UTF-8",
    }
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    return inherited | own


def _follow(lines: Iterable[str], narrate: Narrate) -> tuple[str, str]:
    """Narrates until the run ends; returns the message of the failed task and what was no event."""
    failure, rest = "", ""
    for line in lines:
        try:
            event = json.loads(line)
        except ValueError:
            rest += line
            continue
        match event.get("_event"):
            case "v2_playbook_on_task_start":
                if not (task := _task(event)).startswith("Validating arguments"):
                    narrate(task)
            case "v2_runner_on_failed" | "v2_runner_on_unreachable":
                failure = failure or _complaint(event)
    return failure, rest


def _task(event: Mapping[str, Any]) -> str:
    return str(event["task"]["name"]).removeprefix("lab_node : ")


def _complaint(event: Mapping[str, Any]) -> str:
    result: Mapping[str, Any] = next(iter(event.get("hosts", {}).values()), {})
    words = str(result.get("stderr") or result.get("stdout") or result.get("msg") or "no output").strip()
    return f"Lab: {_task(event)!r} failed: {words}"


def _last_words(output: str, code: int) -> str:
    tail = "\n".join(output.strip().splitlines()[-5:])
    return f"ansible-playbook ended with {code}: {tail}"


def script() -> Path:
    """The role's own command, for questions that change nothing."""
    return content.roles() / "lab_node/files/lab-node"
