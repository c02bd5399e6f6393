"""`keelyard get` and `logs`: forms, names, filters, and what is told when it cannot be."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
import yaml

from engine.domain.events import EventKind
from engine.domain.statuses import JobStatus
from tests.command_line.conftest import CommandLine, refused, succeeded
from tests.contract import harness
from tests.standins.provisioner_api import PASSWORD, ProvisionerApi
from tests.standins.provisioner_bodies import EMAIL, JOB_ID
from tui.command_line.table import Column, Table, at


@pytest.fixture
def stand_in(home: Path) -> CommandLine:
    """The command line of somebody who has signed in to the stand-in."""
    command = CommandLine(ProvisionerApi())
    succeeded(command("login", "--email", EMAIL, said=f"{PASSWORD}\n"))
    return command


def test_a_list_is_a_table_a_document_or_names(stand_in: CommandLine) -> None:
    table = succeeded(stand_in("get", "clusters")).splitlines()
    wide = succeeded(stand_in("get", "cl", "-o", "wide"))
    as_json = json.loads(succeeded(stand_in("get", "cluster", "-o", "json")))
    as_yaml = yaml.safe_load(succeeded(stand_in("get", "clusters", "-o", "yaml")))

    assert table[0].split() == ["NAME", "STATUS", "VERSION", "NODES", "CREATED"]
    assert table[1].split()[:4] == ["edge-07", "running", "1.36.2", "1+2"]
    assert "a1b2c3d4-e5f6-4890-abcd-ef1234567890" in wide
    assert as_json == as_yaml
    assert as_json[0]["created_at"] == "2026-01-29T10:00:00Z"
    assert succeeded(stand_in("get", "clusters", "-o", "name")) == "edge-07\n"
    assert succeeded(stand_in("get", "clusters", "-o", "name", "--sort", "-name")) == "edge-07\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("get", "pods"), "There is no noun 'pods'; there is overview, clusters"),
        (("get", "nodes"), "Of which cluster? keelyard get nodes CLUSTER"),
        (("get", "users", "a", "b"), "'b' is one name too many for users."),
        (("get", "clusters", "--filter", "status"), "say NAME=VALUE"),
        (("get", "clusters", "--profile", "nowhere"), "There is no profile 'nowhere'"),
        (("get", "clusters", "--url", "ftp://yard"), "is not a server's URL"),
    ],
)
def test_wrong_usage_is_exit_code_2(stand_in: CommandLine, arguments: tuple[str, ...], words: str) -> None:
    done = stand_in(*arguments)

    assert done.exit_code == 2
    assert words in " ".join(done.stderr.split())


def test_each_reason_has_its_exit_code(stand_in: CommandLine) -> None:
    assert stand_in.api is not None
    gone = stand_in("get", "cluster", "nothing")
    stand_in.api.down = True
    away = stand_in("get", "clusters")
    stand_in.api.down = False
    stand_in.api.revoke_session()
    over = stand_in("get", "clusters")
    again = stand_in("get", "clusters")

    assert [gone.exit_code, away.exit_code, over.exit_code, again.exit_code] == [1, 3, 4, 4]
    assert "Is the server running?" in away.stderr
    assert "keelyard login" in over.stderr


def test_commands_share_one_sign_in(stand_in: CommandLine) -> None:
    assert stand_in.api is not None
    for _ in range(3):
        succeeded(stand_in("get", "clusters"))
    stand_in.api.expire_access()
    succeeded(stand_in("get", "clusters"))
    succeeded(stand_in("get", "clusters"))

    assert stand_in.api.count("POST", "/auth/login") == 1
    assert stand_in.api.count("POST", "/auth/refresh") == 1


def test_a_read_only_profile_sends_no_change(stand_in: CommandLine) -> None:
    assert stand_in.api is not None
    said = refused(stand_in("cancel", JOB_ID, "--read-only"))

    assert "read-only" in said
    assert stand_in.api.count("POST", f"/jobs/{JOB_ID}/cancel") == 0


def test_a_state_has_a_sign_and_a_colour_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    columns = (Column("NAME", at("name")), Column("STATUS", at("status"), is_state=True))
    things = [{"name": "yard", "status": "failed"}]

    piped = Table(columns, is_screen=False).whole(things)[1]
    seen = Table(columns, is_screen=True).whole(things)[1]
    monkeypatch.setenv("NO_COLOR", "1")
    plain = Table(columns, is_screen=True).whole(things)[1]

    assert piped == "yard  failed"
    assert seen == "yard  \x1b[31m\x1b[1m✗ failed\x1b[0m"
    assert plain == "yard  ✗ failed"


async def test_reads_of_everything(server: harness.Api, signed_in: CommandLine) -> None:
    admin = await server.admin()
    body = harness.cluster_body()
    job_id = (await admin.post("/api/v1/clusters", json=body)).json()["job"]["id"]
    run = harness.Run(job_id, server.cipher)
    await run.claim()
    went = run.event(EventKind.HOST_OK, host="control-01", task="Check time")
    message = "\x1b[31mswap is on"
    await run.tell(
        went, run.event(EventKind.HOST_FAILED, host="worker-01", task="Check swap", message=message)
    )

    async def told(*arguments: str) -> str:
        return succeeded(await signed_in.on_server(*arguments))

    assert "control-01" in await told("get", "nodes", "yard-1", "--sort", "-name")
    assert yaml.safe_load(await told("get", "spec", "yard-1"))["nodes"][0]["ip_address"] == "192.0.2.10"
    assert (await told("get", "hosts", "yard-1")).splitlines()[1].split()[:2] == ["control-01", "running"]
    assert "provision" in await told(
        "get", "jobs", "--filter", "cluster=yard-1", "--filter", "status=running"
    )
    assert job_id in await told("get", "job", job_id[:8], "-o", "yaml")
    assert "Check time" in await told("get", "events", job_id)
    assert "CLUSTERS (1)" in await told("get", "overview")
    assert "flannel" in await told("get", "catalogue")
    assert harness.ADMIN in await told("get", "me")
    assert "cluster:create" in await told("get", "audit", "--filter", "action=cluster:create")
    assert "hash" in await told("get", "audit-head", "-o", "json")
    for noun in ("templates", "schedules", "channels", "workers", "tokens"):
        assert json.loads(await told("get", noun, "-o", "json")) == [], noun
    assert "default" in await told("get", "tenants")
    assert "overview" in await told("get", "nouns")

    whole = await told("logs", "yard-1")
    assert "swap is on" in whole
    assert "\x1b" not in whole
    lines = await told("logs", job_id, "--failed")
    assert len(lines.splitlines()) == 1
    assert "host_failed [worker-01] Check swap | " in lines
    assert json.loads(await told("logs", job_id, "--tail", "1", "-o", "json"))["sequence"] == 2

    following = asyncio.create_task(signed_in.on_server("logs", job_id, "-f"))
    await run.finish(JobStatus.FAILED, [run.event(EventKind.JOB_FINISHED, data={"status": "failed"})])
    assert "job_finished" in succeeded(await following)
