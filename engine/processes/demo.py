"""The demonstration: bare lab nodes become a running cluster, through the product's own API.

Everything of it lies in `KEELYARD_HOME/demo` and in the lab `demo`; `end` removes both.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import msgspec
import psutil
from rich.console import Console
from rich.live import Live

from engine import content, lab
from engine.domain import catalogue
from engine.domain.errors import KeelyardError, RunFailed, ServiceUnavailable
from engine.processes import embedded_postgresql
from engine.processes.api_client import ApiClient
from engine.processes.progress import JobProgress, clock
from engine.services.settings import DOCUMENTED_PASSWORD, Settings

NAME = "demo"
ANSWER_SECONDS = 90
START_SECONDS = 90


class Demo(msgspec.Struct, kw_only=True):
    """What a demo that was started is made of."""

    pid: int
    url: str
    cluster: str = NAME


def directory() -> Path:
    """Home of the demo: its own database, keys and log, apart from a real installation's."""
    return content.home() / "demo"


def begin(*, nodes: int, bundle: Path | None, console: Console) -> None:
    """Lab, server, cluster, proof. Runs again on a demo that is up: changes nothing but what is missing.

    Raises RunFailed when the provision job does not succeed; the nodes stay for a look.
    """
    began = time.monotonic()
    console.print(f"[bold]1/4[/] {nodes} bare Linux nodes: systemd, sshd, nothing of Kubernetes")
    yard = lab.up(
        NAME, nodes=nodes, narrate=lambda line: console.print(f"    {line}", style="dim", highlight=False)
    )
    for node in yard.nodes:
        console.print(f"    {node.name}  {node.address}  ready", highlight=False)
    console.print("[bold]2/4[/] Keelyard: PostgreSQL, API, worker")
    demo = _server(bundle)
    with ApiClient(demo.url) as client:
        client.log_in(Settings().admin_email, DOCUMENTED_PASSWORD)
        console.print(f"    {demo.url}", highlight=False)
        console.print("[bold]3/4[/] The cluster")
        _provision(client, console)
        kubeconfig = directory() / "kubeconfig"
        _write_private(kubeconfig, client.text(f"/api/v1/clusters/{NAME}/kubeconfig"))
    console.print("[bold]4/4[/] The proof")
    _prove(yard, kubeconfig, bundle, console)
    console.print(f"[bold green]Done in {clock(time.monotonic() - began)}.[/]")
    _next_steps(demo, kubeconfig, console)


def end(console: Console) -> None:
    """Removes the demo: server, database, nodes, files. Nothing there is no error."""
    demo = _running()
    if demo is not None:
        _stop(demo.pid)
    lab.down(NAME)
    if directory().exists():
        embedded_postgresql.remove(directory())
        shutil.rmtree(directory())
    console.print("The demo is gone: no process, mount, interface or file of it is left.")


def _record() -> Path:
    return directory() / "demo.json"


def _running() -> Demo | None:
    try:
        demo = msgspec.json.decode(_record().read_bytes(), type=Demo)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
    try:
        command = psutil.Process(demo.pid).cmdline()
    except psutil.NoSuchProcess:
        return None
    return demo if "engine.processes" in command else None


def _server(bundle: Path | None) -> Demo:
    demo = _running()
    if demo is not None:
        return demo
    directory().mkdir(parents=True, exist_ok=True)
    directory().chmod(0o711)  # PostgreSQL's own user passes through; nothing but its part is open to it
    port = _free_port()
    log = directory() / "server.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "engine.processes", "up", "--port", str(port)],
            env=_environment(bundle),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    demo = Demo(pid=process.pid, url=f"http://127.0.0.1:{port}")
    _record().write_bytes(msgspec.json.encode(demo))
    with ApiClient(demo.url) as client:
        deadline = time.monotonic() + START_SECONDS
        while not client.healthy():
            if process.poll() is not None or time.monotonic() > deadline:
                last = log.read_text(errors="replace").strip().splitlines()[-5:]
                raise ServiceUnavailable("The server did not start.", remedy="It said: " + " / ".join(last))
            time.sleep(0.1)
    return demo


def _environment(bundle: Path | None) -> Mapping[str, str]:
    kept = {key: value for key, value in os.environ.items() if key not in {"DATABASE_URL", "ADMIN_PASSWORD"}}
    artifacts = {"KEELYARD_ARTIFACTS": "upstream"}
    if bundle:
        artifacts = {
            "KEELYARD_ARTIFACTS": "bundle",
            "KEELYARD_BUNDLE": str(bundle),
            "KEELYARD_BUNDLE_PUBLIC_KEY": str(content.home() / "keys" / "bundle-signing.pub"),
        }
    return {
        **kept,
        **artifacts,
        "KEELYARD_HOME": str(directory()),
        "KEELYARD_DEMO": "true",
        "ADMIN_PASSWORD": DOCUMENTED_PASSWORD,
    }


def _free_port(preferred: int = 8000) -> int:
    for port in (preferred, 0):
        with socket.socket() as listener:
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(listener.getsockname()[1])
    raise KeelyardError("No free port on 127.0.0.1.")


def _provision(client: ApiClient, console: Console) -> None:
    job = _job(client)
    phases = [(phase["slug"], phase["name"], phase["status"]) for phase in job["phases"]]
    progress = JobProgress(f"provision {NAME}", phases)
    with Live(progress.render(), console=console, refresh_per_second=8) as live:
        for event in client.events(job["id"]):
            progress.observe(event)
            live.update(progress.render())
    if not console.is_terminal:
        console.print()
    job = client.call("GET", f"/api/v1/jobs/{job['id']}")
    if job["status"] != "success":
        raise RunFailed(
            f"The provision job ended {job['status']}: {job.get('message') or job.get('reason')}.",
            remedy="The nodes are still there: mend and run the demo again, or `keelyard demo --down`.",
        )


def _job(client: ApiClient) -> dict[str, Any]:
    existing = client.call("GET", "/api/v1/clusters?page_size=100")["data"]
    if any(cluster["name"] == NAME for cluster in existing):
        started = client.call("POST", f"/api/v1/clusters/{NAME}/provision")
        job_id = started["job_id"]
    else:
        request = lab.create_request(NAME, NAME, kubernetes_version=catalogue.DEFAULT.kubernetes)
        job_id = client.call("POST", "/api/v1/clusters", request)["job"]["id"]
    found: dict[str, Any] = client.call("GET", f"/api/v1/jobs/{job_id}")
    return found


def _prove(yard: lab.Lab, kubeconfig: Path, bundle: Path | None, console: Console) -> None:
    kubectl = _kubectl(yard, kubeconfig, bundle)
    console.print("    $ kubectl get nodes -o wide", style="dim", highlight=False)
    nodes = _run([*kubectl, "get", "nodes", "-o", "wide"])
    console.print(nodes.rstrip(), highlight=False, soft_wrap=True)
    manifest = (
        (Path(__file__).parent / "demo.yaml")
        .read_text()
        .replace("@IMAGE@", catalogue.DEFAULT.images()["probe"])
    )
    _run([*kubectl, "apply", "-f", "-"], manifest)
    _run([*kubectl, "rollout", "status", "deployment/hello", f"--timeout={ANSWER_SECONDS}s"])
    port = _run([*kubectl, "get", "service", "hello", "-o", "jsonpath={.spec.ports[0].nodePort}"])
    url = f"http://{yard.nodes[0].address}:{port}/"
    console.print(f"    $ curl {url}", style="dim", highlight=False)
    console.print(f"    {_answer(url)}", highlight=False)


def _kubectl(yard: lab.Lab, kubeconfig: Path, bundle: Path | None) -> list[str]:
    """This machine's kubectl with the downloaded kubeconfig; without one, the control plane node's own."""
    carried = bundle / "bin" / "kubectl" if bundle else None
    local = str(carried) if carried and carried.exists() else shutil.which("kubectl")
    if local:
        return [local, "--kubeconfig", str(kubeconfig)]
    options = ["-i", yard.private_key, "-o", f"UserKnownHostsFile={yard.known_hosts}", "-o", "BatchMode=yes"]
    remote = ["kubectl", "--kubeconfig", "/etc/kubernetes/admin.conf"]
    return ["ssh", *options, f"root@{yard.nodes[0].address}", *remote]


def _run(command: list[str], text: str | None = None) -> str:
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RunFailed(f"`{' '.join(command[-4:])}` failed: {done.stderr.strip()[-500:]}.")
    return done.stdout


def _answer(url: str) -> str:
    deadline = time.monotonic() + ANSWER_SECONDS
    while True:
        try:
            return httpx.get(url, timeout=5).raise_for_status().text.strip()
        except httpx.HTTPError as error:
            if time.monotonic() > deadline:
                raise RunFailed(f"The pod behind {url} does not answer: {error}.") from error
            time.sleep(0.5)


def _next_steps(demo: Demo, kubeconfig: Path, console: Console) -> None:
    console.print(
        f"\nWhat to do next\n"
        f"  look      export KUBECONFIG={kubeconfig}; kubectl get pods -A\n"
        f"  terminal  keelyard tui --url {demo.url}\n"
        f"  API       {demo.url}/docs\n"
        f"  login     {Settings().admin_email} / {DOCUMENTED_PASSWORD} (demo only)\n"
        f"  remove    make demo-down",
        highlight=False,
        soft_wrap=True,
    )


def _write_private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(text)


def _stop(pid: int) -> None:
    try:
        process = psutil.Process(pid)
        process.send_signal(signal.SIGTERM)
        process.wait(60)
    except psutil.NoSuchProcess:
        return
    except psutil.TimeoutExpired:
        process.kill()
