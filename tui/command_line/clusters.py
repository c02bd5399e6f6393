"""`keelyard kubeconfig` and `keelyard test-ssh`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tui import kubeconfigs
from tui.client import Client
from tui.command_line import completing, output, spec_files
from tui.command_line.access import Access, reaches_server
from tui.command_line.exits import Failed
from tui.command_line.table import Column, Table, at

_RESULTS = (
    Column("NODE", at("node")),
    Column("ADDRESS", at("ip_address")),
    Column("RESULT", lambda thing: "ok" if thing.get("success") else "failed", is_state=True),
    Column("MESSAGE", at("message")),
)


@click.command()
@click.argument("cluster", shell_complete=completing.names("clusters"))
@click.option("-o", "--output", "path", metavar="FILE", help="Where to; - is standard output.")
@reaches_server
def kubeconfig(access: Access, cluster: str, path: str | None) -> None:
    """Fetch the administrator kubeconfig of CLUSTER into a new file that only you can read.

    Without -o the file is CLUSTER-kubeconfig.yaml here. Every download is in the server's audit log.
    """
    content = access.run(
        lambda client: client.ask_text("GET /api/v1/clusters/{cluster_id}/kubeconfig", cluster)
    )
    if path == "-":
        click.echo(content, nl=False)
        return
    try:
        saved = kubeconfigs.save(content, path or kubeconfigs.suggested_path(cluster))
    except FileExistsError as there:
        raise Failed(f"{there.filename} is there already; it is never replaced.") from there
    except OSError as unwritable:
        raise Failed(f"{unwritable.filename} cannot be written: {unwritable.strerror}.") from unwritable
    click.echo(f"Saved to {saved}. Use it with: kubectl --kubeconfig {saved} get nodes", err=True)


@click.command("test-ssh")
@spec_files.paths_option
@click.option("--ssh-key", type=click.Path(path_type=Path, dir_okay=False), help="Private key file.")
@output.option
@reaches_server
def test_ssh(access: Access, paths: tuple[Path, ...], ssh_key: Path | None, form: str) -> None:
    """Let the server log in to every node of a spec file; nothing is changed.

    Shows the nodes' host keys, to be compared with those on their consoles. Exit code 1 unless every login
    works.
    """
    documents = [each for each in spec_files.load(paths, ssh_key) if each.kind == "Cluster"]
    if not documents:
        raise click.UsageError("There is no cluster in these files.")

    async def work(client: Client) -> list[dict[str, Any]]:
        results: list[dict[str, Any]] = []
        for document in documents:
            body = document.request()
            asked = {"nodes": body.get("nodes"), "ssh_config": body.get("ssh_config")}
            answer = await client.ask("POST /api/v1/clusters/test-ssh", body=asked)
            results += answer["results"]
        return results

    results = access.run(work)
    if form in ("json", "yaml"):
        click.echo(output.document(results, form), nl=False)
    else:
        click.echo("\n".join(Table(_RESULTS, wide=form == "wide").whole(results)))
        for result in results:
            for key in result["host_keys"]:
                click.echo(f"{result['node']}  {key['type']}  {key['fingerprint']}")
    if not all(result["success"] for result in results):
        raise click.exceptions.Exit(1)
