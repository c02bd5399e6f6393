"""Ansible's settings for a run, as environment variables: minimal, fast, and nothing from the caller's
environment.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

import psutil

from engine import content
from engine.domain import capacity
from engine.execution.ssh import SYSTEM_PATH, Access

_MEGABYTE = 1024 * 1024
# Characters; ansible-runner replaces a task's bigger result by nothing.
_LARGEST_RESULT = 64 * 1024 * 1024


def forks(hosts: int) -> int:
    """How many hosts are worked on at once: as many as there are, within four per CPU and 100 MB each."""
    memory = psutil.virtual_memory().total // _MEGABYTE
    return max(1, min(hosts, capacity.of_machine(os.cpu_count() or 1, memory).forks))


def environment(
    directory: Path,
    *,
    playbooks: Path,
    roles: Path,
    fact_cache: Path,
    access: Access | None,
    marker: Mapping[str, str],
) -> dict[str, str]:
    """The whole environment of `ansible-playbook`: PATH, HOME, LANG, the run's marker and ANSIBLE_*."""
    variables = {
        "PATH": f"{Path(sys.executable).parent}:{SYSTEM_PATH}",
        "HOME": str(directory),
        "TMPDIR": str(directory / "tmp"),
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        **marker,
        "MAX_EVENT_RES": str(_LARGEST_RESULT),
        # A command that prints bytes which are no UTF-8 has not failed; the events show them.
        "ANSIBLE_MODULE_STRICT_UTF8_RESPONSE": "False",
        "ANSIBLE_CONFIG": str(directory / "ansible.cfg"),
        "ANSIBLE_HOME": str(directory / "ansible"),
        "ANSIBLE_LOCAL_TEMP": str(directory / "tmp"),
        "ANSIBLE_ROLES_PATH": f"{roles}:{content.roles()}",
        "ANSIBLE_LIBRARY": str(playbooks / "library"),
        "ANSIBLE_MODULE_UTILS": str(playbooks / "module_utils"),
        "ANSIBLE_ACTION_PLUGINS": str(playbooks / "action_plugins"),
        "ANSIBLE_FILTER_PLUGINS": str(playbooks / "filter_plugins"),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_FORCE_COLOR": "0",
        "ANSIBLE_HOST_KEY_CHECKING": "True",
        "ANSIBLE_INVENTORY_ENABLED": "yaml",
        "ANSIBLE_GATHERING": "smart",
        "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(fact_cache),
        "ANSIBLE_INJECT_FACT_VARS": "False",
        "ANSIBLE_PIPELINING": "True",
        "ANSIBLE_TIMEOUT": "20",
        "ANSIBLE_SSH_RETRIES": "1",
        "ANSIBLE_DEPRECATION_WARNINGS": "False",
        "ANSIBLE_LOCALHOST_WARNING": "False",
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "False",
        "ANSIBLE_INTERPRETER_PYTHON": "auto_silent",
    }
    if access is not None:
        variables |= ssh_settings(directory, access)
    return variables


def ssh_settings(directory: Path, access: Access) -> dict[str, str]:
    """Connection sharing with short socket paths (a UNIX socket's path has about 100 bytes), and the access'
    options.
    """
    sharing = ["-o", "ControlMaster=auto", "-o", "ControlPersist=600s"]
    settings = {
        "ANSIBLE_SSH_ARGS": shlex.join([*sharing, *access.options()]),
        "ANSIBLE_SSH_CONTROL_PATH_DIR": str(directory / "cp"),
    }
    if access.agent_socket is not None:
        settings["SSH_AUTH_SOCK"] = str(access.agent_socket)
    return settings
