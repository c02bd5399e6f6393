"""What a run is asked to do and what it reports back."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from engine.domain.plans import HostPlan
from engine.domain.specs import SshSecrets
from engine.domain.statuses import PhaseStatus
from engine.execution.pulse import Pulse


class RunStatus(enum.StrEnum):
    """How a run ended."""

    SUCCESS = "success"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"  # its owner had fallen silent


class RunRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One run of one playbook. Secrets travel in memory only; `__repr__` of SshSecrets hides them."""

    run_id: str  # marker in the environment of every process of the run, here and on the nodes
    playbook: Path
    inventory: dict[str, Any]  # from `inventory.build`; no secret in it
    directory: Path  # from `run_directory.make`; the caller removes it
    secrets: SshSecrets | None = None  # None: nothing is reached over SSH
    tags: tuple[str, ...] = ()  # phases to run; empty = all
    limit: str | None = None
    forks: int | None = None  # None = by capacity
    extra_variables: Mapping[str, Any] = {}  # no secrets
    secret_variables: Mapping[str, str] = {}  # passed by a 0600 file that goes first; redacted everywhere
    host_keys: Mapping[str, tuple[str, ...]] = {}  # node → pinned "TYPE BASE64"
    fact_cache: Path | None = None  # directory shared between runs of one cluster; None = this run only
    pulse: Pulse | None = None  # the owner's word that the run may go on; None = as long as the owner lives
    log_path: Path | None = None  # redacted, plain-text output is appended here
    check: bool = False  # change nothing; the outcome has a plan
    isolate: bool = True  # False: processes that a local play starts may outlive the run (the lab's nodes do)


class HostRecap(msgspec.Struct, frozen=True, kw_only=True):
    """Task results of one host, counted as Ansible counts them (`ok` includes `changed`)."""

    ok: int = 0
    changed: int = 0
    failed: int = 0
    unreachable: int = 0
    skipped: int = 0
    rescued: int = 0
    ignored: int = 0


class RunOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """The end of a run. `outputs` lies in the run directory: take what is needed before it is removed."""

    status: RunStatus
    rc: int | None
    hosts: dict[str, HostRecap]
    phases: dict[str, PhaseStatus]  # the selected ones; PENDING = never reached
    failure: str  # the first failure as an operator reads it; "" on success
    outputs: Path
    host_keys: dict[str, tuple[str, ...]]  # learned in this run: node → "TYPE BASE64"
    remote_cleanup: tuple[
        str, ...
    ] = ()  # after a cancel: what was waited for, killed or could not be looked at
    plan: dict[str, HostPlan] | None = None  # of a run in check mode: host → what would change
