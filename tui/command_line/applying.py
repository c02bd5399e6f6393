"""`keelyard apply`: what is written down becomes what is there.

Three steps, and nothing is changed before the last: find out what differs, show all of it, do it. A
cluster that is there already is planned (which changes nothing) and the plan is applied by its hash.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from tui import errors, text, wire
from tui.client import Client
from tui.command_line import asking, differences, exits, finding, kinds, plans, resources, spec_files, waiting
from tui.command_line.access import Access, reaches_server
from tui.command_line.differences import Difference
from tui.command_line.exits import Failed
from tui.command_line.spec_files import Document

MAKE_CLUSTER = "POST /api/v1/clusters"
CHANGE_HARDENING = "PATCH /api/v1/clusters/{cluster_id}/hardening"
SPEC = "GET /api/v1/clusters/{cluster_id}/spec"
_HARDENING = "hardening."
_BY_KIND = {kind.kind: kind for kind in kinds.KINDS}


@dataclass(frozen=True, kw_only=True)
class Step:
    """What has to be done about one document."""

    document: Document
    key: str = ""  # of what is there; empty for what is new
    different: Sequence[Difference] = field(default_factory=tuple)
    plan: wire.Plan | None = None  # of a cluster that is there

    @property
    def is_needed(self) -> bool:
        """Whether there is anything to do."""
        if self.plan is not None:
            return self.plan.summary.changes > 0
        return not self.key or bool(self.different)


@click.command()
@spec_files.paths_option
@click.option(
    "--ssh-key", type=click.Path(path_type=Path, dir_okay=False), help="Private key file for clusters."
)
@click.option("--dry-run", is_flag=True, help="Show what would be done; exit code 2 if there is something.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@waiting.option
@reaches_server
def apply(
    access: Access, paths: tuple[Path, ...], ssh_key: Path | None, dry_run: bool, yes: bool, wait: bool
) -> None:
    """Make what is written down true: create what is not there, plan and apply what differs.

    Documents are of kind Cluster, Template, Schedule, Channel or Tenant; a spec file without a kind is a
    Cluster. Of an existing cluster the hardening can be changed, which takes hold with the next `harden`;
    any other difference is refused, field by field, before anything is done.
    """
    documents = spec_files.load(paths, ssh_key)
    if not (yes or dry_run or asking.is_somebody_there()):
        raise click.UsageError(
            "Apply this? Nobody can be asked here: say so with --yes, or look with --dry-run."
        )
    steps = access.run(lambda client: _compared(client, documents))
    for step in steps:
        _show(step)
    needed = [step for step in steps if step.is_needed]
    if not needed:
        click.echo("Nothing to do.", err=True)
        return
    if dry_run:
        raise click.exceptions.Exit(exits.DIFFERS)
    if not asking.agreed(f"Do this ({len(needed)} of {len(steps)})?", yes=yes):
        raise Failed("Nothing was done.")
    ended = access.run(lambda client: _carry_out(client, needed, wait=wait))
    failed = [job for job in ended if job.status != "success"]
    for job in ended:
        if job.status == "success":
            waiting.check(job)
    if failed:
        waiting.check(failed[0])


async def _compared(client: Client, documents: Sequence[Document]) -> list[Step]:
    """What is to be done about each; plans come last, once nothing is refused. Raises Failed."""
    steps = [await _compare(client, document) for document in documents]
    refused = [
        f"{step.document.title}: {_refusal(each)}"
        for step in steps
        if step.document.kind == "Cluster" and step.key
        for each in step.different
        if not _is_hardening(each)
    ]
    if refused:
        remedy = "Nothing was done. Put the file back, or make another cluster of it."
        raise Failed("\n       ".join(refused), remedy=remedy)
    return [await _planned(client, step) for step in steps]


async def _compare(client: Client, document: Document) -> Step:
    if document.kind == "Cluster":
        try:
            recorded = await client.ask(SPEC, document.name)
        except errors.NotThere:
            document.request()  # whether its secrets can be read is found out before anything is done
            return Step(document=document)
        return Step(
            document=document,
            key=recorded["id"],
            different=differences.of_cluster(recorded, document.said),
        )
    kind = _BY_KIND[document.kind]
    resource = resources.named(kind.noun)
    try:
        key = await finding.key(client, resource, document.name)
        there = await client.ask(resource.one, key)
    except errors.NotThere:
        return Step(document=document)
    wanted = await _resolved(client, document)
    return Step(document=document, key=key, different=tuple(differences.of(kind.asked(there), wanted)))


async def _resolved(client: Client, document: Document) -> dict[str, Any]:
    """A document with clusters named as the answers name them: schedules by name, channels by id."""
    body = document.request()
    if document.kind == "Schedule" and body.get("cluster_id"):
        body = {**body, "cluster_id": (await _cluster(client, str(body["cluster_id"])))["name"]}
    events = body.get("events")
    if document.kind == "Channel" and isinstance(events, dict) and events.get("clusters"):
        found = [(await _cluster(client, str(each)))["id"] for each in events["clusters"]]
        body = {**body, "events": {**events, "clusters": found}}
    return body


async def _cluster(client: Client, word: str) -> dict[str, Any]:
    found: dict[str, Any] = await client.ask("GET /api/v1/clusters/{cluster_id}", word)
    return found


async def _planned(client: Client, step: Step) -> Step:
    """A cluster that is there, with what a provision job would change on it now."""
    if step.document.kind != "Cluster" or not step.key:
        return step
    if step.different:  # a plan would be of the hardening that is about to change
        return step
    click.echo(f"{step.document.title} is there as written; planning what its nodes need.", err=True)
    started = await client.plan(step.key)
    return Step(document=step.document, key=step.key, plan=await plans.found(client, started.job_id))


def _is_hardening(different: Difference) -> bool:
    """Whether this can be changed on a cluster that is there."""
    return different.member.startswith(_HARDENING)


def _refusal(different: Difference) -> str:
    """One sentence about a member of a cluster that cannot be changed."""
    if different.member.startswith("nodes.") and different.there is None:
        return f"{different.member} is new: the server cannot add nodes to a cluster that is there."
    if different.member.startswith("nodes.") and different.wanted is None:
        return f"{different.member} is missing: the server cannot take nodes from a cluster that is there."
    if different.member == "id":
        return f"{different}: the file is about another cluster of this name."
    return f"{different}: the server cannot change this on a cluster that is there."


def _show(step: Step) -> None:
    """On standard output: what is to be done."""
    title = step.document.title
    if not step.key:
        nodes = step.document.said.get("nodes") or ()
        what = f": {len(nodes)} nodes ({', '.join(_name(node) for node in nodes)})" if nodes else ""
        click.echo(f"+ {title}{what}")
    elif step.plan is not None and step.plan.summary.changes:
        click.echo(f"~ {title}")
        click.echo(wire.plan_as_text(step.plan))
    elif step.plan is not None:
        click.echo(f"= {title}: {wire.plan_as_text(step.plan).splitlines()[-1]}")
    elif step.different:
        click.echo(f"~ {title}")
        for each in step.different:
            click.echo(f"    {text.one_line(str(each))}")
    else:
        click.echo(f"= {title}")


def _name(node: Any) -> str:
    return str(node.get("name")) if isinstance(node, dict) else "?"


async def _carry_out(client: Client, steps: Sequence[Step], *, wait: bool) -> list[wire.Job]:
    """Does it, in order, and with `wait` follows the jobs that it starts."""
    jobs = [job_id for step in steps if (job_id := await _carry_out_one(client, step))]
    return [await waiting.for_end(client, job_id) for job_id in jobs] if wait else []


async def _carry_out_one(client: Client, step: Step) -> str | None:
    """The id of the job that it started."""
    document = step.document
    if document.kind != "Cluster":
        kind = _BY_KIND[document.kind]
        if step.key:
            await kinds.change(client, kind, step.key, document.request())
        else:
            await _make(client, kind, document)
        click.echo(f"{document.title} {'changed' if step.key else 'created'}.")
        return None
    if step.plan is not None:
        job_id = (await client.provision(step.key, plan_hash=step.plan.hash)).job_id
        click.echo(f"{document.title}: its plan is being applied by job {job_id}.")
        return job_id
    if step.different:
        change = {each.member.removeprefix(_HARDENING): each.wanted for each in step.different}
        await client.ask(CHANGE_HARDENING, step.key, body=change)
        click.echo(f"{document.title}: its hardening is changed. Apply it: keelyard harden {document.name}")
        return None
    made = await client.ask(MAKE_CLUSTER, body=document.request())
    job = made["job"]
    click.echo(f"{document.title} created" + (f"; job {job['id']} provisions it." if job else "."))
    return str(job["id"]) if job else None


async def _make(client: Client, kind: kinds.Kind, document: Document) -> None:
    body = kind.complete(document.request())
    if kind is kinds.TENANT:
        body.setdefault("name", document.name)
    made = await client.ask(kind.make, body=body)
    if secret := made.get("secret"):
        click.echo(f"The secret of {document.title}, which is not shown again:", err=True)
        click.echo(secret)
