"""`keelyard run`: one playbook on the nodes of a spec file, with no database and no API."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from engine import content
from engine.domain import plan_text, plans
from engine.domain.errors import NotFound, RunFailed
from engine.domain.plans import Document
from engine.domain.recaps import RunRecap
from engine.domain.specs import ClusterSpec
from engine.execution import plan
from engine.execution.artifacts import ArtifactsChoice
from engine.execution.runner import RunOutcome, RunStatus
from engine.processes import spec_run

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
    """Run PLAYBOOK (`provision`, `harden`, `scan`, `rotate-encryption-key`, `deprovision` or a path) on the
    nodes of a spec file. Needs no database.

    Progress goes to stderr, results (kubeconfig, what was found on the nodes) to --output. Exit code 3 when
    nodes failed. Ctrl-C ends the run cleanly, waiting for package managers and kubeadm on the nodes.
    """
    access = spec_run.Access(
        ssh_key=ssh_key,
        ask_pass=ask_pass,
        artifacts=artifacts,
        bundle=bundle,
        bundle_public_key=bundle_public_key,
        forget_host_keys=forget_host_key,
    )
    loaded = spec_run.load(spec_path, access)
    path = _playbook(playbook)
    chosen = _phases(path, (*phases, *((tags or "").split(",") if tags else ())))
    output = output or content.home() / "runs" / loaded.spec.name
    recap = RunRecap()
    outcome = spec_run.execute(
        loaded,
        path,
        phases=chosen,
        limit=limit,
        forks=forks,
        check=check,
        output=output,
        watch=recap.observe,
    )
    _conclude(outcome, recap, loaded.spec, output, as_json=as_json)


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


def _conclude(
    outcome: RunOutcome, recap: RunRecap, spec: ClusterSpec, output: Path, *, as_json: bool
) -> None:
    if as_json:
        report = msgspec.to_builtins(
            msgspec.structs.replace(outcome, outputs=output), str_keys=True, enc_hook=str
        )
        for host, counts in report["hosts"].items():
            seconds = recap.hosts[host].duration_seconds if host in recap.hosts else 0.0
            counts |= {"status": recap.status(host).value, "duration_seconds": round(seconds, 3)}
        click.echo(msgspec.json.format(msgspec.json.encode(report)).decode())
    elif outcome.plan is not None and outcome.status is RunStatus.SUCCESS:
        click.echo(plan_text.render(Document(spec_hash=plans.spec_hash(spec), hosts=outcome.plan)))
    for line in recap.lines(node.name for node in spec.nodes if node.name in recap.hosts):
        click.echo(line, err=True)
    if outcome.status is RunStatus.CANCELLED:
        raise click.Abort
    if outcome.status is RunStatus.FAILED:
        raise RunFailed(
            outcome.failure,
            remedy="Mend it and run the same command again; what is done already stays as it is.",
        )
    click.echo(f"Done with {spec.name}. Results are in {output}.", err=True)
