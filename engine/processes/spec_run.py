"""A run from a spec file, with no database and no API: what `keelyard run`, `plan` and `verify` share."""

from __future__ import annotations

import shutil
import signal
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import msgspec

from engine.domain import private_keys
from engine.domain.errors import NotFound
from engine.domain.events import EventKind, RunEvent
from engine.domain.specs import ClusterSpec, SshSecrets
from engine.domain.statuses import PhaseStatus
from engine.execution import inventory, known_nodes, run_directory, runner, spec_file
from engine.execution.artifacts import Artifacts, ArtifactsChoice
from engine.execution.runner import RunOutcome, RunRequest
from engine.processes import local_artifacts


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line says about how to reach the nodes and where their software comes from."""

    ssh_key: Path | None = None
    ask_pass: bool = False
    artifacts: str | None = None
    bundle: Path | None = None
    bundle_public_key: Path | None = None
    forget_host_keys: tuple[str, ...] = ()


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """A spec file ready to run."""

    spec: ClusterSpec
    secrets: SshSecrets
    software: Artifacts


def load(spec_path: Path, access: Access) -> Loaded:
    """The spec of a file with what earlier runs learned about its nodes. Raises KeelyardError."""
    file = spec_file.load(spec_path)
    secrets = _secrets(file, access)
    spec = file.spec()
    spec_file.check(spec, secrets)
    for node in access.forget_host_keys:
        known_nodes.forget_host_key(spec.id, node)
    software = local_artifacts.choose(
        ArtifactsChoice(access.artifacts) if access.artifacts else file.artifacts,
        access.bundle or (Path(file.bundle) if file.bundle else None),
        kubernetes=spec.components.kubernetes_version,
        public_key=access.bundle_public_key,
    )
    spec = known_nodes.complete(spec, known_nodes.load(spec.id))
    return Loaded(spec=spec, secrets=secrets, software=software)


def execute(
    loaded: Loaded,
    playbook: Path,
    *,
    phases: tuple[str, ...] = (),
    limit: str | None = None,
    forks: int | None = None,
    check: bool = False,
    output: Path | None = None,
    watch: Callable[[RunEvent], None] | None = None,
) -> RunOutcome:
    """Run a playbook, telling progress on stderr; results go to `output`. Ctrl-C ends the run cleanly.

    `watch` is told every event too.
    """
    run_id = str(uuid.uuid4())
    with run_directory.kept(run_id) as directory:
        request = RunRequest(
            run_id=run_id,
            playbook=playbook,
            inventory=inventory.build(
                loaded.spec,
                artifacts=loaded.software,
                output_directory=run_directory.output(directory),
                run_id=run_id,
            ),
            directory=directory,
            secrets=loaded.secrets,
            tags=phases,
            limit=limit,
            forks=forks,
            host_keys=inventory.host_keys(loaded.spec),
            check=check,
        )
        outcome = _cancellable(request, watch)
        # A look at a machine does not make it the recorded one.
        machines = {} if check else known_nodes.machine_ids(outcome.outputs)
        known_nodes.remember(loaded.spec.id, outcome.host_keys, machines)
        if output is not None:
            _keep_results(outcome.outputs, output)
    return outcome


def _secrets(file: spec_file.SpecFile, access: Access) -> SshSecrets:
    key = access.ssh_key
    if key is not None and not key.is_file():
        raise NotFound(f"There is no private key file {key}.")
    secrets = spec_file.secrets(
        file,
        private_key=key.read_text(encoding="utf-8") if key else None,
        password=click.prompt("SSH password", hide_input=True, err=True) if access.ask_pass else None,
    )
    if secrets.private_key and not secrets.passphrase:
        problem = private_keys.problem(secrets.private_key, None)
        if problem and problem[0] == "passphrase" and sys.stdin.isatty():
            passphrase = click.prompt("Passphrase of the private key", hide_input=True, err=True)
            return msgspec.structs.replace(secrets, passphrase=passphrase)
    return secrets


def _cancellable(request: RunRequest, watch: Callable[[RunEvent], None] | None) -> RunOutcome:
    cancelled = threading.Event()

    def tell(event: RunEvent) -> None:
        _narrate(event)
        if watch is not None:
            watch(event)

    with _signals(cancelled):
        return runner.execute(request, on_event=tell, cancelled=cancelled)


@contextmanager
def _signals(cancelled: threading.Event) -> Iterator[None]:
    """Ctrl-C and SIGTERM ask the run to end; they never end this process under it."""

    def ask(_number: int, _frame: object) -> None:
        first = not cancelled.is_set()
        cancelled.set()
        text = "Cancelling." if first else "Still cancelling: waiting for what must not be stopped midway."
        click.echo(text, err=True)

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _narrate(event: RunEvent) -> None:
    """One line on stderr for what an operator wants to know while it happens."""
    line = _line(event)
    if line:
        click.echo(line, err=True)


def _line(event: RunEvent) -> str:
    match event.kind:
        case EventKind.PHASE_STARTED:
            return f"== {event.data['name']}"
        case EventKind.TASK_STARTED:
            return f"   {event.task}"
        case EventKind.HOST_FAILED | EventKind.HOST_UNREACHABLE:
            return f"!! {event.host}: {event.message}"
        case EventKind.MESSAGE:
            return f"   {event.host}: {event.message}" if event.host else f"   {event.message}"
        case EventKind.PHASE_FINISHED if event.data["status"] != PhaseStatus.SUCCEEDED:
            return f"== {event.data['name']}: {event.data['status']}. {event.message}"
        case _:
            return ""


def _keep_results(outputs: Path, to: Path) -> None:
    if not any(outputs.iterdir()):
        return
    to.mkdir(parents=True, exist_ok=True, mode=0o700)
    to.chmod(0o700)
    shutil.copytree(outputs, to, dirs_exist_ok=True, ignore=shutil.ignore_patterns("transfer"))
