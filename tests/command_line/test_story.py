"""From the sign-in to the deletion, with real processes on a real API."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

from engine.domain.events import EventKind
from engine.domain.statuses import JobStatus
from tests.command_line.conftest import cluster_file, keelyard, started
from tests.contract import harness


async def test_sign_in_apply_watch_cancel_retry_delete(server: harness.Api, home: Path) -> None:
    nobody = await keelyard("get", "clusters", "--url", server.url)
    assert (nobody.code, nobody.out) == (4, "")
    assert "keelyard login" in nobody.err

    login = await keelyard(
        "login", "--profile", "prod", "--url", server.url, "--email", harness.ADMIN, said=harness.PASSWORD
    )
    assert login.code == 0, login.err
    assert f"Signed in to {server.url}" in login.err

    watching = await started("get", "clusters", "-w", "-o", "json")
    file = cluster_file(home)
    applied = await keelyard("apply", "-f", str(file), "--yes")
    assert applied.code == 0, applied.err
    assert "cluster yard-1 created; job " in applied.out
    assert json.loads(await watching.line())["cluster"]["name"] == "yard-1"

    [job] = json.loads((await keelyard("get", "jobs", "-o", "json")).out)
    run = harness.Run(job["id"], server.cipher)
    await run.claim()
    await run.tell(run.event(EventKind.JOB_STARTED))
    changed: dict[str, Any] = {}
    while changed.get("cluster", {}).get("status") != "provisioning":
        changed = json.loads(await watching.line())
    assert changed["change"] == "changed"
    watching.signal(signal.SIGINT)
    stopped = await watching.end()
    assert (stopped.code, stopped.err) == (130, "\nInterrupted.\n")

    await run.finish(JobStatus.FAILED, [run.event(EventKind.JOB_FINISHED)], message="worker-01 is away")
    again = await keelyard("retry", job["id"][:8], "--hosts", "all")
    assert again.code == 0, again.err
    cancelled = await keelyard("cancel", again.out.strip(), "--wait")
    assert cancelled.code == 0, cancelled.err

    unasked = await keelyard("delete", "cluster", "yard-1")
    assert unasked.code == 2
    assert "--yes" in unasked.err
    deleted = await keelyard("delete", "cluster", "yard-1", "--yes")
    assert deleted.code == 0, deleted.err
    assert (await keelyard("get", "clusters", "-o", "json")).out == "[]\n"
    await keelyard("logout")
    assert (await keelyard("get", "clusters")).code == 4


async def test_a_watch_goes_on_over_an_api_that_restarts(server: harness.Api, home: Path) -> None:
    port = int(server.url.rpartition(":")[2])
    login = await keelyard("login", "--url", server.url, "--email", harness.ADMIN, said=harness.PASSWORD)
    assert login.code == 0, login.err
    admin = await server.admin()
    await admin.post("/api/v1/clusters", json=harness.cluster_body())
    watching = await started("get", "clusters", "-w", "-o", "json")
    assert json.loads(await watching.line())["cluster"]["name"] == "yard-1"

    await server.stop()
    async with harness.serving(server.settings, port) as again:
        await (await again.admin()).post(
            "/api/v1/clusters", json=harness.cluster_body("yard-2", network="192.0.3")
        )
        told = json.loads(await watching.line())
        watching.signal(signal.SIGINT)
        stopped = await watching.end()

    assert (told["change"], told["cluster"]["name"]) == ("added", "yard-2")
    assert stopped.out == ""  # and nothing twice
    assert stopped.err.endswith("Interrupted.\n")
