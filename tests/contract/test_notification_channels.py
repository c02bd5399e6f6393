"""Notification channels over HTTP: a secret is shown once and is nowhere else, addresses are checked."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import structlog

from engine.domain.statuses import JobStatus, Role
from engine.services import notice_settings
from engine.services.notice_sending import Sender
from tests.contract import harness
from tests.contract.harness import Api, Run, cluster_body
from tests.contract.test_canaries import everything
from tests.standins.receivers import HttpReceiver

PLACE = "/api/v1/notification-channels"
SMTP_PASSWORD = f"{harness.CANARY}-smtp"
URL_TOKEN = f"{harness.CANARY}-url"
MEMBERS = {
    "id",
    "name",
    "kind",
    "enabled",
    "url",
    "recipients",
    "events",
    "deliveries",
    "created_by",
    "created_at",
    "updated_at",
}
DELIVERY = {
    "id",
    "channel_id",
    "event",
    "job_id",
    "status",
    "tries",
    "next_try_at",
    "created_at",
    "delivered_at",
}


@pytest.fixture
async def yard(database_url: str) -> AsyncIterator[Api]:
    """A server that may post to loopback and knows a mail server."""
    used = harness.settings(
        database_url,
        webhook_allowed_cidrs="127.0.0.0/8",
        smtp_url=f"smtp://keel:{SMTP_PASSWORD}@127.0.0.1:9",
        mail_from="keelyard@yard.example",
    )
    async with harness.serving(used) as running:
        yield running


@pytest.fixture
def log() -> Iterator[list[Any]]:
    with structlog.testing.capture_logs() as lines:
        yield lines


def hook(url: str = "https://hooks.example.com/1", **changes: Any) -> dict[str, Any]:
    return {"name": "pager", "kind": "webhook", "url": url} | changes


def mail(**changes: Any) -> dict[str, Any]:
    return {"name": "ops", "kind": "mail", "recipients": ["ops@example.com"]} | changes


async def send(api: Api) -> None:
    """What a worker does."""
    sender = Sender("test", api.cipher, notice_settings.of(api.settings))
    while (claimed := await sender.claim()) is not None:
        await sender.send(claimed)


async def test_a_channel_is_made_shown_changed_and_deleted(yard: Api) -> None:
    client = await yard.admin()
    await client.post("/api/v1/clusters", json=cluster_body(provision_immediately=False))
    wanted = hook(events={"job_types": ["verify"], "statuses": ["failed"], "clusters": ["yard-1"]})

    made = await client.post(PLACE, json=wanted)

    assert made.status_code == 201, made.text
    channel = made.json()
    assert set(channel) == MEMBERS | {"secret"}
    assert made.headers["cache-control"] == "no-store"
    secret = channel.pop("secret")
    place = f"{PLACE}/{channel['id']}"
    assert made.headers["location"] == place
    assert (await client.get(place)).json() == channel
    assert (await client.get(PLACE)).json()["data"] == [channel]
    assert channel["deliveries"] == {"pending": 0, "delivered": 0, "dead": 0}

    changed = await client.put(place, json=hook("https://hooks.example.com/2", enabled=False))
    rotated = await client.post(f"{place}/rotate-secret")
    switched = await client.patch(place, json={"enabled": True})

    assert changed.json()["url"] == "https://hooks.example.com/2"
    assert changed.json()["events"] == {"job_types": [], "statuses": [], "clusters": []}
    assert rotated.status_code == 200
    assert rotated.json()["secret"] not in ("", secret)
    assert switched.json()["enabled"] is True
    assert "secret" not in switched.json()
    assert (await client.put(place, json=mail())).status_code == 422
    assert (await client.delete(place)).status_code == 204
    assert (await client.get(place)).status_code == 404


@pytest.mark.parametrize(
    ("wanted", "fields"),
    [
        (hook("ftp://example.com/"), ["url"]),
        (hook("https://u:p@example.com/"), ["url"]),
        (hook("https://"), ["url"]),
        (hook("not a url"), ["url"]),
        (hook("https://10.0.0.1/"), ["url"]),
        (hook("https://[::1]/"), ["url"]),
        (hook("https://169.254.169.254/latest/"), ["url"]),
        (hook("https://[::ffff:169.254.169.254]/"), ["url"]),
        (hook("http://93.184.216.34/"), ["url"]),
        ({"name": "pager", "kind": "webhook"}, ["url"]),
        (hook(recipients=["a@example.com"]), ["recipients"]),
        (mail(url="https://example.com"), ["url"]),
        (mail(recipients=[]), ["recipients"]),
        (mail(recipients=["a@example.com", "b\nBcc: c@example.com"]), ["recipients.1"]),
        (hook(kind="pigeon"), ["kind"]),
        (hook(events={"statuses": ["failed", "running"]}), ["events.statuses.1"]),
        (
            hook(events={"statuses": ["sad"], "job_types": ["dance"]}),
            ["events.job_types.0", "events.statuses.0"],
        ),
        (hook(events={"clusters": ["nix"]}), ["events.clusters.0"]),
        (hook(name="No Label"), ["name"]),
    ],
)
async def test_what_does_not_fit_is_refused_by_field(
    yard: Api, wanted: dict[str, Any], fields: list[str]
) -> None:
    answer = await (await yard.admin()).post(PLACE, json=wanted)

    assert answer.status_code == 422, answer.text
    assert [problem["field"] for problem in answer.json()["errors"]] == fields


async def test_without_settings_there_is_neither_mail_nor_a_way_inside(api: Api) -> None:
    client = await api.admin()

    for wanted, field in (
        (mail(), "kind"),
        (hook("http://127.0.0.1:9/"), "url"),
        (hook("https://127.0.0.1:9/"), "url"),
    ):
        answer = await client.post(PLACE, json=wanted)
        assert [problem["field"] for problem in answer.json()["errors"]] == [field]


async def test_a_test_notice_is_sent_and_shown_and_can_be_sent_again(yard: Api) -> None:
    client = await yard.admin()
    async with HttpReceiver(500).listening() as receiver:
        channel = (await client.post(PLACE, json=hook(receiver.url))).json()
        place = f"{PLACE}/{channel['id']}"
        queued = await client.post(f"{place}/test")
        await send(yard)
        waiting = (await client.get(queued.headers["location"])).json()
        again = await client.post(f"{queued.headers['location']}/redeliver")
        await send(yard)
        done = (await client.get(f"{place}/deliveries", params={"status": "delivered"})).json()

    assert (queued.status_code, again.status_code) == (202, 202)
    assert set(waiting) == DELIVERY
    assert (waiting["event"], waiting["status"], waiting["job_id"]) == ("test", "pending", None)
    [delivery] = done["data"]
    assert [each["status_code"] for each in delivery["tries"]] == [500, 204]
    assert delivery["id"] == queued.json()["delivery_id"]
    assert (await client.get(place)).json()["deliveries"] == {"pending": 0, "delivered": 1, "dead": 0}
    await client.patch(place, json={"enabled": False})
    assert (await client.post(f"{place}/test")).status_code == 409
    assert (await client.post(f"{queued.headers['location']}/redeliver")).status_code == 409
    other = (await client.post(PLACE, json=hook(name="other"))).json()
    assert (await client.get(f"{PLACE}/{other['id']}/deliveries/{delivery['id']}")).status_code == 404


async def test_secrets_of_channels_are_nowhere_to_be_found(log: list[Any], yard: Api) -> None:
    client = await yard.account(Role.OPERATOR)
    admin = await yard.admin()
    key = {"Idempotency-Key": "once"}
    async with HttpReceiver(500, 302).listening() as receiver:
        address = f"{receiver.url}?token={URL_TOKEN}"
        made = await client.post(PLACE, json=hook(address), headers=key)
        again = await client.post(PLACE, json=hook(address), headers=key)
        secret = made.json()["secret"]
        rotated = await client.post(
            f"{PLACE}/{made.json()['id']}/rotate-secret", headers={"Idempotency-Key": "twice"}
        )
        replies = [
            again,
            await client.post(PLACE, json=mail()),
            await client.post(PLACE, json=hook(address, name="No")),
            await client.put(f"{PLACE}/{made.json()['id']}", json=hook(address)),
        ]
        cluster = (await admin.post("/api/v1/clusters", json=cluster_body())).json()
        run = Run(cluster["job"]["id"], yard.cipher)
        await run.claim()
        await run.finish(JobStatus.FAILED, message="it broke")
        await send(yard)
        replies += [
            await client.get(PLACE),
            await client.get(f"{PLACE}/{made.json()['id']}/deliveries"),
            await client.get("/api/v1/audit-logs?page_size=100"),
        ]
        [request] = receiver.requests

    assert (again.status_code, again.headers["idempotency-replayed"]) == (201, "true")
    assert {**again.json(), "secret": secret} == made.json()
    told = "\n".join(reply.text + str(reply.headers) for reply in replies)
    stored = await everything(yard.settings.database_url)
    logged = "\n".join(str(line) for line in log)
    sent = str(request.headers) + request.body.decode()
    assert "A notice was tried." in logged
    assert "notification-channel:create" in stored
    for secret_text in (secret, rotated.json()["secret"], SMTP_PASSWORD):
        for place in (told, stored, logged, sent):
            assert secret_text not in place
            assert secret_text.encode().hex() not in place
    for place in (stored, logged, sent):  # an operator is shown the address of a channel, nobody else is
        assert URL_TOKEN not in place
        assert URL_TOKEN.encode().hex() not in place
