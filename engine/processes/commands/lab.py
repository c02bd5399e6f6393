"""`keelyard lab`: throwaway nodes on this machine."""

from __future__ import annotations

import click
import msgspec

from engine import lab as labs
from engine.lab import records

_name = click.option(
    "--name", default="lab", show_default=True, help="Name of the lab; its nodes are NAME-1, NAME-2, ..."
)


def _narrate(line: str) -> None:
    click.echo(line, err=True)


@click.group()
def lab() -> None:
    """Throwaway nodes on this machine: real systemd, real sshd, own addresses (root on Linux)."""


@lab.command()
@click.option("--nodes", type=click.IntRange(min=1), default=2, show_default=True, help="How many nodes.")
@_name
@click.option("--system", type=click.Choice(records.SYSTEMS), default="debian12", show_default=True)
@click.option("--mirror", help="Debian mirror for the base image  [default: this machine's own]")
def up(nodes: int, name: str, system: str, mirror: str | None) -> None:
    """Start a lab, or add and restart nodes of one."""
    started = labs.up(name, nodes=nodes, system=system, mirror=mirror, narrate=_narrate)
    for node in started.nodes:
        click.echo(f"{node.name} {node.address}")
    options = f"-i {started.private_key} -o UserKnownHostsFile={started.known_hosts}"
    click.echo(f"Log in with: ssh {options} {started.user}@{started.nodes[0].address}", err=True)


@lab.command()
@_name
def down(name: str) -> None:
    """End a lab and remove all it left."""
    labs.down(name, narrate=_narrate)


@lab.command()
@click.option("--name", help="Only this lab.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(name: str | None, as_json: bool) -> None:
    """Show the labs as they really are."""
    names = [name] if name else [found.name for found in labs.load_all()]
    found = [labs.status(one) for one in names]
    if as_json:
        click.echo(msgspec.json.encode(found[0] if name else found))
        return
    for one in found:
        click.echo(f"{one.name}  {one.state}  {one.system}  {one.subnet}  {one.bridge}")
        for node in one.nodes:
            click.echo(f"  {node.name}  {node.address}  {node.state}  {node.pid or '-'}")
