"""`keelyard plan --spec` and `keelyard verify --spec`: what would change, with neither API nor database.

For a cluster of a server the command line's client of the API does it, `tui.command_line.plans`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import click
import msgspec

from engine import content
from engine.domain import plan_text, plans
from engine.domain.errors import KeelyardError
from engine.domain.plans import Document, HostPlan, Summary
from engine.domain.statuses import JobType
from engine.execution.artifacts import ArtifactsChoice
from engine.execution.runner import RunStatus
from engine.processes import spec_run

CHANGES = 2  # exit code when something differs
_PATH = click.Path(path_type=Path)


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What is printed as JSON."""

    kind: str
    hash: str
    facts_hash: str
    spec_hash: str
    summary: Summary
    hosts: dict[str, HostPlan]

    @property
    def document(self) -> Document:
        """The plan itself."""
        return Document(spec_hash=self.spec_hash, hosts=self.hosts)


def _options(command: Callable[..., None]) -> Callable[..., None]:
    """The options that plan and verify share."""
    choices = [
        click.argument("cluster", required=False),
        click.option("--spec", "spec_path", type=_PATH, help="YAML in the shape of POST /clusters."),
        click.option("--ssh-key", type=_PATH, help="Private key file; goes to an agent of the run's own."),
        click.option("--ask-pass", is_flag=True, help="Ask for an SSH password."),
        click.option(
            "--artifacts",
            type=click.Choice([choice.value for choice in ArtifactsChoice]),
            help="Where binaries and images come from.",
        ),
        click.option("--bundle", type=_PATH, help="Bundle directory."),
        click.option("--bundle-public-key", type=_PATH, envvar="KEELYARD_BUNDLE_PUBLIC_KEY", hidden=True),
        click.option("--full", is_flag=True, help="Print long diffs whole."),
        click.option("--json", "as_json", is_flag=True, help="Print the document as JSON."),
    ]
    for choice in reversed(choices):
        command = choice(command)
    return command


@click.command()
@_options
def plan(**options: Any) -> None:
    """Say what provisioning the cluster of a spec file would change now; change nothing.

    Exit code 0: nothing would change, 2: something would, 1: it could not be found out.
    """
    _look(JobType.PLAN, **options)


@click.command()
@_options
def verify(**options: Any) -> None:
    """Say in what the cluster of a spec file differs from it; only read.

    Exit code 0: nothing differs, 2: something does, 1: it could not be found out.
    """
    _look(JobType.VERIFY, **options)


def _look(
    job_type: JobType,
    *,
    cluster: str | None,
    spec_path: Path | None,
    full: bool,
    as_json: bool,
    **access: Any,
) -> NoReturn:
    if spec_path is None or cluster is not None:
        raise click.UsageError("Name a cluster, or a spec file with --spec.")
    found = _found(job_type, spec_path, spec_run.Access(**access))
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(found)).decode())
    else:
        click.echo(plan_text.render(found.document, all_lines=full))
        click.echo(f"{found.kind} {found.hash}")
    raise click.exceptions.Exit(0 if found.document.is_empty else CHANGES)


def _found(job_type: JobType, spec_path: Path, access: spec_run.Access) -> Found:
    loaded = spec_run.load(spec_path, access)
    playbook = content.playbooks() / f"{job_type.playbook}.yml"
    outcome = spec_run.execute(loaded, playbook, check=True)
    if outcome.status is RunStatus.CANCELLED:
        raise click.Abort
    if outcome.status is not RunStatus.SUCCESS or outcome.plan is None:
        raise KeelyardError(f"The {job_type.value} did not get through: {outcome.failure}")
    document = Document(spec_hash=plans.spec_hash(loaded.spec), hosts=outcome.plan)
    return Found(
        kind=job_type.value,
        hash=plans.plan_hash(document),
        facts_hash=plans.facts_hash(document),
        spec_hash=document.spec_hash,
        summary=plans.summary(document),
        hosts=dict(document.hosts),
    )
