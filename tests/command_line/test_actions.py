"""What is made, changed and taken away by commands, on the real API."""

from __future__ import annotations

import json
import os
from pathlib import Path

from engine.domain.statuses import JobStatus
from engine.store import records, workers
from tests.command_line.conftest import CommandLine, refused, succeeded
from tests.contract import harness

NEW_PASSWORD = "Another-horse-battery-2"


async def test_things_are_made_changed_switched_and_deleted(
    server: harness.Api, signed_in: CommandLine, home: Path
) -> None:
    admin = await server.admin()
    await admin.post("/api/v1/clusters", json=harness.cluster_body(provision_immediately=False))

    async def told(*arguments: str, said: str | None = None) -> str:
        return succeeded(await signed_in.on_server(*arguments, said=said))

    async def document(*arguments: str) -> dict:
        return json.loads(await told("get", *arguments, "-o", "json"))

    await told("create", "user", "vera@example.local", "--role", "viewer", said=f"{harness.PASSWORD}\n")
    renewed = ("--full-name", "Vera", "--password")
    await told("set", "user", "vera@example.local", *renewed, said=f"{NEW_PASSWORD}\n")
    await told("disable", "user", "vera@example.local")
    vera = await document("user", "vera@example.local")
    assert (vera["full_name"], vera["role"], vera["enabled"]) == ("Vera", "viewer", False)
    await told("enable", "user", "vera@example.local")
    assert await server.login("vera@example.local", NEW_PASSWORD)

    await told("create", "tenant", "shop", "--email", "shop@example.com", "--company", "Shop")
    await told("set", "tenant", "shop", "--name", "The shop")
    tenant = await document("tenant", "shop")
    assert (tenant["name"], tenant["contact_info"]["company"]) == ("The shop", "Shop")
    await told("members", "add", "shop", "vera@example.local")
    await told("members", "add", "shop", "vera@example.local")
    await told("members", "add", "shop", vera["id"])
    assert (await told("get", "members", "shop", "-o", "name")).split() == ["vera@example.local"]
    assert json.loads(await told("get", "clusters", "-o", "json", "--tenant", "shop")) == []
    await told("members", "remove", "shop", "vera@example.local")

    await told("create", "template", "small", "--workers", "1", "--cni", "flannel", "--no-ha")
    await told("set", "template", "small", "--control-planes", "1")
    template = await document("template", "small")
    assert (template["version"], template["topology"]["worker_count"]) == (2, 1)
    assert len((await told("get", "versions", "small")).splitlines()) == 3

    timed = ("--cluster", "yard-1", "--job", "verify", "--cron", "0 4 * * *")
    await told("create", "schedule", "nightly", *timed)
    due = await told("get", "due-times", "--filter", "cron=0 4 * * *", "--filter", "zone=Europe/Berlin")
    assert len(due.splitlines()) == 6
    await told("set", "schedule", "nightly", "--time-zone", "Europe/Berlin")
    await told("disable", "schedule", "nightly")
    schedule = await document("schedule", "nightly")
    assert (schedule["time_zone"], schedule["enabled"]) == ("Europe/Berlin", False)
    job_id = (await told("run-schedule", "nightly")).strip()
    assert job_id[:8] in await told("get", "runs", "nightly")
    succeeded(await signed_in.on_server("cancel", job_id))

    secret = await told("create", "channel", "hook", said="https://hooks.example.com/key-1\n")
    assert secret.strip()
    await told("set", "channel", "hook", "--status", "failed")
    assert (await told("rotate-secret", "hook")).strip() not in ("", secret.strip())
    shown = await told("get", "channel", "hook", "-o", "json")
    assert json.loads(shown)["events"]["statuses"] == ["failed"]
    assert "key-1" not in shown
    delivery = (await told("test-channel", "hook")).strip()
    assert delivery in await told("get", "deliveries", "hook")
    assert json.loads(await told("get", "deliveries", "hook", delivery, "-o", "json"))["id"] == delivery
    succeeded(await signed_in.on_server("redeliver", "hook", delivery))

    for noun, name in (
        ("schedule", "nightly"),
        ("channel", "hook"),
        ("template", "small"),
        ("tenant", "shop"),
        ("user", "vera@example.local"),
        ("cluster", "yard-1"),
    ):
        await told("delete", noun, name, "--yes")
        assert (await signed_in.on_server("get", noun, name)).exit_code == 1


async def test_a_service_token_is_good_for_commands(
    server: harness.Api, signed_in: CommandLine, home: Path, monkeypatch
) -> None:
    made = await signed_in.on_server("create", "token", "ci", "-p", "cluster:read", "--days", "1")
    token = succeeded(made).strip()
    (home / "token").write_text(f"{token}\n")
    monkeypatch.setenv("XDG_STATE_HOME", str(home / "elsewhere"))

    by_file = await signed_in.on_server("get", "clusters", "--token-file", str(home / "token"))
    monkeypatch.setenv("KEELYARD_TOKEN", token)
    by_environment = await signed_in.on_server("get", "clusters", "-o", "json")
    beyond = await signed_in.on_server("get", "jobs")
    monkeypatch.setenv("KEELYARD_TOKEN", "kyt_nonsense")
    nonsense = await signed_in.on_server("get", "clusters")
    monkeypatch.setenv("KEELYARD_TOKEN", f"{token}\nand more")
    broken = await signed_in.on_server("get", "clusters")

    succeeded(by_file)
    assert json.loads(succeeded(by_environment)) == []
    assert beyond.exit_code == 1
    assert "The service token was refused." in refused(nonsense, 4)
    assert "one line" in refused(broken, 2)
    assert token not in by_file.output + by_environment.output + beyond.output + broken.output


async def test_a_worker_is_drained_and_resumed(server: harness.Api, signed_in: CommandLine) -> None:
    await workers.register(records.Worker(name="alpha", hostname="a", version="0.1", forks=8, memory_mb=4096))

    drained = await signed_in.on_server("drain", "alpha")
    state = json.loads(succeeded(await signed_in.on_server("get", "worker", "alpha", "-o", "json")))["state"]
    resumed = await signed_in.on_server("resume", "alpha")
    kept = await signed_in.on_server("delete", "worker", "alpha", "--yes")

    assert "Worker alpha is drained" in drained.stderr
    assert state == "drained"
    assert "Worker alpha is ready" in resumed.stderr
    assert kept.exit_code == 1


async def test_destruction_needs_the_name_or_a_yes(
    server: harness.Api, signed_in: CommandLine, monkeypatch
) -> None:
    admin = await server.admin()
    await admin.post("/api/v1/clusters", json=harness.cluster_body(provision_immediately=False))
    monkeypatch.setattr("tui.command_line.asking.is_somebody_there", lambda: True)

    wrong = await signed_in.on_server("delete", "cluster", "yard-1", said="yard-2\n")
    right = await signed_in.on_server("delete", "cluster", "yard-1", "--deprovision", said="yard-1\n")

    assert "Nothing was done." in refused(wrong)
    assert "Kubernetes and everything that runs on it are lost" in right.stderr
    job = (await admin.get(f"/api/v1/jobs/{right.stdout.split()[-1]}")).json()
    assert job["type"] == "deprovision"


async def test_cancelling_asks_whoever_is_there(
    server: harness.Api, signed_in: CommandLine, monkeypatch
) -> None:
    admin = await server.admin()
    job_id = (await admin.post("/api/v1/clusters", json=harness.cluster_body())).json()["job"]["id"]
    monkeypatch.setattr("tui.command_line.asking.is_somebody_there", lambda: True)

    kept = await signed_in.on_server("cancel", job_id, said="n\n")
    status = (await admin.get(f"/api/v1/jobs/{job_id}")).json()["status"]
    gone = await signed_in.on_server("cancel", job_id, said="y\n")
    again = await signed_in.on_server("cancel", job_id, "--yes")

    assert "Cancel provision of yard-1 (queued)?" in kept.stderr
    assert "Nothing was cancelled." in refused(kept)
    assert status == "queued"
    assert succeeded(gone) == ""
    assert "has ended already: cancelled" in refused(again)
    assert (await admin.get(f"/api/v1/jobs/{job_id}")).json()["status"] == "cancelled"


async def test_a_kubeconfig_is_its_owners_alone_and_replaces_nothing(
    server: harness.Api, signed_in: CommandLine, home: Path
) -> None:
    admin = await server.admin()
    made = (await admin.post("/api/v1/clusters", json=harness.cluster_body())).json()
    early = await signed_in.on_server("kubeconfig", "yard-1")
    run = harness.Run(made["job"]["id"], server.cipher)
    await run.claim()
    await run.finish(JobStatus.SUCCESS, kubeconfig="apiVersion: v1\n")

    saved = await signed_in.on_server("kubeconfig", "yard-1")
    again = await signed_in.on_server("kubeconfig", "yard-1")
    shown = await signed_in.on_server("kubeconfig", "yard-1", "-o", "-")

    assert early.exit_code == 1
    assert saved.exit_code == 0
    assert (home / "yard-1-kubeconfig.yaml").stat().st_mode & 0o777 == 0o600
    assert "never replaced" in refused(again)
    assert succeeded(shown) == "apiVersion: v1\n"


def test_profiles_are_listed_chosen_and_removed(home: Path) -> None:
    command = CommandLine()
    (home / "config.yaml").write_text(
        "current: prod\nprofiles:\n  prod: {url: https://yard.example}\n  lab: {url: http://127.0.0.1:1}\n"
    )

    succeeded(command("profiles", "use", "lab"))
    listed = succeeded(command("profiles"))
    succeeded(command("profiles", "remove", "lab"))

    assert "* lab  http://127.0.0.1:1  signed out" in listed
    assert "lab" not in succeeded(command("profiles", "list"))
    assert command("profiles", "use", "lab").exit_code == 1
    assert os.environ["KEELYARD_CONFIG"].startswith(str(home))
