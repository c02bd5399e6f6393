"""`keelyard run`: one playbook on the nodes of a spec file, with no database and no API."""

from __future__ import annotations

import shutil
import signal
import sys
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import msgspec

from engine import content
from engine.domain import private_keys
from engine.domain.errors import NotFound, RunFailed
from engine.domain.events import EventKind, RunEvent
from engine.domain.specs import ClusterSpec, SshSecrets
from engine.domain.statuses import PhaseStatus
from engine.execution import inventory, known_nodes, plan, run_directory, runner, spec_file
from engine.execution.artifacts import ArtifactsChoice
from engine.execution.runner import RunOutcome, RunRequest, RunStatus
from engine.processes import local_artifacts

_PATH = click.Path(path_type=Path)


@click.command()
@click.argument("playbook")
@click.option("--spec", "spec_path", type=_PATH, required=True, help="YAML in the shape of POST /clusters.")
@click.option("--phase", "phases", multiple=True, metavar="SLUG", help="Only this phase; may be repeated.")
@click.option("--tags", metavar="A,B", help="The same as several --phase.")
@click.option("--limit", metavar="PATTERN", help="Only these nodes.")
@click.option("--forks", type=click.IntRange(min=1), help="Nodes at once; default: by capacity.")
@click.option("--check", is_flag=True, help="Change nothing, say what would change.")
@click.option("--ssh-key", type=_PATH, help="Private key file; goes to an agent of the run's own.")
@click.option("--ask-pass", is_flag=True, help="Ask for an SSH password.")
@click.option(
    "--artifacts",
    type=click.Choice([choice.value for choice in ArtifactsChoice]),
    help="Where binaries and images come from; default: what the spec says, else auto.",
)
@click.option(
    "--bundle", type=_PATH, help="Bundle directory; default: what the spec says, else KEELYARD_HOME's."
)
@click.option(
    "--bundle-public-key",
    type=_PATH,
    envvar="KEELYARD_BUNDLE_PUBLIC_KEY",
    help="Key that checks the bundle's signature; default: this machine's own.",
)
@click.option("--forget-host-key", multiple=True, metavar="NODE", help="Accept a new host key of this node.")
@click.option("--output", type=_PATH, help="Directory for results; default: KEELYARD_HOME/runs/CLUSTER.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
def run(
    playbook: str,
    spec_path: Path,
    phases: tuple[str, ...],
    tags: str | None,
    limit: str | None,
    forks: int | None,
    check: bool,
    ssh_key: Path | None,
    ask_pass: bool,
    artifacts: str | None,
    bundle: Path | None,
    bundle_public_key: Path | None,
    forget_host_key: tuple[str, ...],
    output: Path | None,
    as_json: bool,
) -> None:
    """Run PLAYBOOK (`provision`, `deprovision` or a path) on the nodes of a spec file. Needs no database.

    Progress goes to stderr, results (kubeconfig, what was found on the nodes) to --output. Exit code 3 when
    nodes failed. Ctrl-C ends the run cleanly, waiting for package managers and kubeadm on the nodes.
    """
    file = spec_file.load(spec_path)
    secrets = _secrets(file, ssh_key, ask_pass=ask_pass)
    spec = file.spec()
    spec_file.check(spec, secrets)
    for node in forget_host_key:
        known_nodes.forget_host_key(spec.id, node)
    spec = known_nodes.complete(spec, known_nodes.load(spec.id))
    path = _playbook(playbook)
    chosen = _phases(path, (*phases, *((tags or "").split(",") if tags else ())))
    software = local_artifacts.choose(
        ArtifactsChoice(artifacts) if artifacts else file.artifacts,
        bundle or (Path(file.bundle) if file.bundle else None),
        kubernetes=spec.components.kubernetes_version,
        public_key=bundle_public_key,
    )
    output = output or content.home() / "runs" / spec.name
    run_id = str(uuid.uuid4())
    with run_directory.kept(run_id) as directory:
        request = RunRequest(
            run_id=run_id,
            playbook=path,
            inventory=inventory.build(
                spec, artifacts=software, output_directory=run_directory.output(directory), run_id=run_id
            ),
            directory=directory,
            secrets=secrets,
            tags=chosen,
            limit=limit,
            forks=forks,
            host_keys=inventory.host_keys(spec),
            check=check,
        )
        outcome = _execute(request)
        known_nodes.remember(spec.id, outcome.host_keys, known_nodes.machine_ids(outcome.outputs))
        _keep_results(outcome.outputs, output)
    _conclude(outcome, spec, output, as_json=as_json)


def _secrets(file: spec_file.SpecFile, ssh_key: Path | None, *, ask_pass: bool) -> SshSecrets:
    if ssh_key is not None and not ssh_key.is_file():
        raise NotFound(f"There is no private key file {ssh_key}.")
    secrets = spec_file.secrets(
        file,
        private_key=ssh_key.read_text(encoding="utf-8") if ssh_key else None,
        password=click.prompt("SSH password", hide_input=True, err=True) if ask_pass else None,
    )
    if secrets.private_key and not secrets.passphrase:
        problem = private_keys.problem(secrets.private_key, None)
        if problem and problem[0] == "passphrase" and sys.stdin.isatty():
            passphrase = click.prompt("Passphrase of the private key", hide_input=True, err=True)
            return msgspec.structs.replace(secrets, passphrase=passphrase)
    return secrets


def _playbook(name: str) -> Path:
    given = Path(name)
    own = content.playbooks() / f"{given.name.removesuffix('.yml')}.yml"
    for path in (given, own):
        if path.is_file():
            return path
    raise NotFound(f"There is no playbook {name}.", remedy=f"Look in {content.playbooks()}.")


def _phases(playbook: Path, wanted: tuple[str, ...]) -> tuple[str, ...]:
    known = [phase.slug for phase in plan.phases(playbook)]
    for slug in wanted:
        if slug not in known:
            raise click.BadParameter(f"{slug!r} is no phase of {playbook.name}; it has {', '.join(known)}.")
    return wanted


def _execute(request: RunRequest) -> RunOutcome:
    cancelled = threading.Event()
    with _signals(cancelled):
        return runner.execute(request, on_event=_narrate, cancelled=cancelled)


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


def _conclude(outcome: RunOutcome, spec: ClusterSpec, output: Path, *, as_json: bool) -> None:
    if as_json:
        report = msgspec.to_builtins(
            msgspec.structs.replace(outcome, outputs=output), str_keys=True, enc_hook=str
        )
        click.echo(msgspec.json.format(msgspec.json.encode(report)).decode())
    for host, recap in sorted(outcome.hosts.items()):
        counts = msgspec.to_builtins(recap)
        click.echo(f"{host}: " + ", ".join(f"{key} {value}" for key, value in counts.items()), err=True)
    if outcome.status is RunStatus.CANCELLED:
        raise click.Abort
    if outcome.status is RunStatus.FAILED:
        raise RunFailed(
            outcome.failure,
            remedy="Mend it and run the same command again; what is done already stays as it is.",
        )
    click.echo(f"Done with {spec.name}. Results are in {output}.", err=True)
