"""`keelyard plan` and `keelyard verify`: what would change; through the API, or by a spec file without it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import quote

import click
import msgspec

from engine import content
from engine.domain import plan_text, plans
from engine.domain.errors import KeelyardError
from engine.domain.plans import Document, HostPlan, Summary
from engine.domain.statuses import JobStatus, JobType
from engine.execution.artifacts import ArtifactsChoice
from engine.execution.runner import RunStatus
from engine.processes import spec_run
from engine.processes.api_client import ApiClient

CHANGES = 2  # exit code when something differs
_PATH = click.Path(path_type=Path)


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What both ways print as JSON."""

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


class Server(msgspec.Struct, frozen=True):
    """Where the API is and who asks."""

    url: str
    email: str


def _options(command: Callable[..., None]) -> Callable[..., None]:
    """The options that plan and verify share."""
    choices = [
        click.argument("cluster", required=False),
        click.option("--spec", "spec_path", type=_PATH, help="Spec file: without API and database."),
        click.option("--url", envvar="KEELYARD_URL", default="http://127.0.0.1:8000", show_default=True),
        click.option("--email", envvar="KEELYARD_EMAIL", default="", help="Who signs in to the API."),
        click.option("--ssh-key", type=_PATH, help="With --spec: private key file."),
        click.option("--ask-pass", is_flag=True, help="With --spec: ask for an SSH password."),
        click.option(
            "--artifacts",
            type=click.Choice([choice.value for choice in ArtifactsChoice]),
            help="With --spec.",
        ),
        click.option("--bundle", type=_PATH, help="With --spec: bundle directory."),
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
    """Say what provisioning CLUSTER would change now; change nothing.

    Signs in to the API with --email and KEELYARD_PASSWORD, or asks. With --spec FILE it needs neither API nor
    database. Exit code 0: nothing would change, 2: something would, 1: it could not be found out.
    """
    _look(JobType.PLAN, **options)


@click.command()
@_options
def verify(**options: Any) -> None:
    """Say in what CLUSTER differs from its spec; only read.

    Signs in to the API with --email and KEELYARD_PASSWORD, or asks. With --spec FILE it needs neither API nor
    database. Exit code 0: nothing differs, 2: something does, 1: it could not be found out.
    """
    _look(JobType.VERIFY, **options)


def _look(
    job_type: JobType,
    *,
    cluster: str | None,
    spec_path: Path | None,
    url: str,
    email: str,
    full: bool,
    as_json: bool,
    **access: Any,
) -> NoReturn:
    if (cluster is None) == (spec_path is None):
        raise click.UsageError("Name a cluster, or a spec file with --spec.")
    if spec_path is not None:
        found = _without_server(job_type, spec_path, spec_run.Access(**access))
    else:
        assert cluster is not None
        found = _through_server(job_type, cluster, Server(url, email))
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(found)).decode())
    else:
        click.echo(plan_text.render(found.document, all_lines=full))
        click.echo(f"{found.kind} {found.hash}")
    raise click.exceptions.Exit(0 if found.document.is_empty else CHANGES)


def _without_server(job_type: JobType, spec_path: Path, access: spec_run.Access) -> Found:
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


def _through_server(job_type: JobType, cluster: str, server: Server) -> Found:
    with ApiClient(server.url) as client:
        _sign_in(client, server.email)
        started = client.call("POST", f"/api/v1/clusters/{quote(cluster, safe='')}/{job_type.value}")
        job_id = started["job_id"]
        click.echo(f"Job {job_id}", err=True)
        if waiting_for := client.call("GET", f"/api/v1/jobs/{job_id}").get("waiting_for"):
            click.echo(f"It waits for: {waiting_for}", err=True)
        for event in client.events(job_id):
            if event["kind"] == "phase_started":
                click.echo(f"== {event['data']['name']}", err=True)
            elif event["kind"] in ("host_failed", "host_unreachable"):
                click.echo(f"!! {event['host']}: {event['message']}", err=True)
        job = client.call("GET", f"/api/v1/jobs/{job_id}")
        if job["status"] != JobStatus.SUCCESS:
            why = job.get("message") or job.get("reason") or ""
            raise KeelyardError(f"The {job_type.value} job ended as {job['status']}. {why}".strip())
        return msgspec.convert(client.call("GET", f"/api/v1/jobs/{job_id}/plan"), Found)


def _sign_in(client: ApiClient, email: str) -> None:
    email = email or click.prompt("E-mail", err=True)
    password = os.environ.get("KEELYARD_PASSWORD") or click.prompt("Password", hide_input=True, err=True)
    client.log_in(email, password)
