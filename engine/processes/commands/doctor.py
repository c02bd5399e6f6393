"""`keelyard doctor`."""

from __future__ import annotations

import sys

import click
import msgspec
from rich.console import Console
from rich.table import Table

from engine.processes import doctor as examination


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def doctor(*, as_json: bool) -> None:
    """Tell what is missing on this machine, and the command that mends it.

    Exit code 1 when something that Keelyard cannot do without is missing.
    """
    findings = examination.examine()
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(findings)).decode())
    else:
        Console().print(_table(findings))
    if any(finding.required and not finding.ok for finding in findings):
        sys.exit(1)


def _table(findings: list[examination.Finding]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("", "for", "what", "found", "to mend"):
        table.add_column(column, overflow="fold")
    for finding in findings:
        mark = (
            "[green]ok[/]" if finding.ok else ("[red]missing[/]" if finding.required else "[yellow]absent[/]")
        )
        table.add_row(
            mark, finding.area, finding.subject, finding.detail, "" if finding.ok else finding.remedy
        )
    return table
