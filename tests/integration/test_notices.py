"""Notices about ended jobs, sent to real receivers, by senders that may die."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from email import message_from_bytes, policy

import msgspec
import pytest

from engine.clients import webhook
from engine.domain import job_notices
from engine.domain.job_notices import ChannelKind, DeliveryStatus, EventFilter
from engine.domain.statuses import JobStatus, JobType
from engine.services import notice_settings, runs
from engine.services.notice_sending import VANISHED, Sender
from engine.services.notification_channels import Configuration
from engine.services.settings import Settings
from engine.store import (
    database,
    jobs,
    notification_channels,
    notification_deliveries,
    records,
)
from tests.integration import factories
from tests.integration.workplace import QUICK, until
from tests.standins.receivers import HANG, HttpReceiver, MailServer, certificate

SECRET = "whsec_canary-4be1"
LOOPBACK = "127.0.0.0/8, ::1/128"


def sender(name: str = "sender-1", **settings: object) -> Sender:
    values = {"webhook_allowed_cidrs": LOOPBACK, "public_url": "https://yard.example"} | settings
    return Sender(name, factories.CIPHER, notice_settings.of(Settings(**values)))


async def channel(url: str, *, name: str = "hook", **values) -> records.NotificationChannel:
    return await _channel(ChannelKind.WEBHOOK, name, Configuration(url=url, secret=SECRET), **values)


async def mail_channel(*recipients: str) -> records.NotificationChannel:
    return await _channel(ChannelKind.MAIL, "mail", Configuration(recipients=recipients))


async def _channel(kind: ChannelKind, name: str, configuration: Configuration, **values):
    made = records.NotificationChannel(
        name=name,
        kind=kind,
        configuration_encrypted=factories.CIPHER.encrypt(msgspec.json.encode(configuration).decode()),
        created_by=None,
        created_by_email="operator@example.com",
        **values,
    )
    await notification_channels.add(made)
    return made


async def end_a_job(status: JobStatus = JobStatus.FAILED, **values) -> records.Job:
    """A job that a run ended."""
    job = await factories.job(await factories.cluster())
    attempt = await runs.claim(job.id, "w")
    result = runs.RunResult(status=status, message="cp-1: the disk is full", **values)
    assert await runs.finish(job.id, attempt, result, (), factories.CIPHER)
    return job


async def of(made: records.NotificationChannel) -> list[records.NotificationDelivery]:
    return (await notification_deliveries.page(made.id, status=None, offset=0, limit=100))[0]


async def send(by: Sender) -> None:
    """Everything that is due."""
    while (claimed := await by.claim()) is not None:
        await by.send(claimed)


async def _pending(made: list[records.NotificationChannel]) -> bool:
    found = [each for one in made for each in await of(one)]
    return any(each.status is DeliveryStatus.PENDING for each in found)


async def make_due() -> None:
    await database.fetch("UPDATE notification_delivery SET next_try_at = now() WHERE status = 'pending'")


def check(request, *secrets: str) -> dict:
    """What a receiver does: refuse an old or forged request."""
    parts = [part.partition("=") for part in request.headers["x-keelyard-signature"].split(",")]
    [stamp] = [value for name, _, value in parts if name == "t"]
    marks = [value for name, _, value in parts if name == "v1"]
    signed = stamp.encode() + b"." + request.body
    expected = [hmac.new(each.encode(), signed, hashlib.sha256).hexdigest() for each in secrets]
    assert marks == expected
    return json.loads(request.body)


async def test_a_receiver_that_fails_gets_the_same_notice_again(store):
    async with HttpReceiver(500).listening() as receiver:
        made = await channel(receiver.url)
        job = await end_a_job()

        await send(sender())
        [waiting] = await of(made)
        await make_due()
        await send(sender())

    [done] = await of(made)
    first, second = receiver.requests
    body = check(first, SECRET)
    assert check(second, SECRET) == body
    assert first.line == "POST /hook HTTP/1.1"
    assert first.headers["x-keelyard-delivery"] == second.headers["x-keelyard-delivery"] == str(done.id)
    assert first.headers["x-keelyard-event"] == "job.ended"
    assert (waiting.status, waiting.tries[0].error) == ("pending", "The receiver answered 500.")
    assert (waiting.next_try_at - waiting.tries[0].at).total_seconds() >= 29
    assert (done.status, [each.status_code for each in done.tries]) == ("delivered", [500, 204])
    assert body["job"]["id"] == str(job.id)
    assert body["job"]["first_failure"] == "cp-1: the disk is full"
    assert (body["job"]["status"], body["cluster"]["status"]) == ("failed", "failed")
    assert body["links"]["job"] == f"https://yard.example/api/v1/jobs/{job.id}"
    assert factories.CANARY not in first.body.decode()


@pytest.mark.parametrize("ended", ["finished", "cancelled in the queue", "interrupted"])
async def test_every_way_a_job_can_end_writes_one_notice_for_each_channel_that_wants_it(store, ended):
    everything = await channel("https://a.example/", name="all")
    only = EventFilter(statuses=[JobStatus.SUCCESS])
    success = await channel("https://b.example/", name="success", event_filter=only)
    only = EventFilter(job_types=[JobType.PLAN])
    plans = await channel("https://c.example/", name="plans", event_filter=only)
    off = await channel("https://d.example/", name="off", enabled=False)
    job = await factories.job(await factories.cluster())

    if ended == "cancelled in the queue":
        await runs.cancel(job.id)
    else:
        attempt = await runs.claim(job.id, "w")
        if ended == "finished":
            result = runs.RunResult(status=JobStatus.FAILED)
            for _ in range(2):  # the second call is a repetition after a lost answer
                assert await runs.finish(job.id, attempt, result, (), factories.CIPHER)
        else:
            await runs.mark_interrupted(job.id, attempt, "Its supervisor died.", factories.CIPHER)

    [told] = await of(everything)
    status = (await jobs.get(job.id)).status
    assert (told.job_id, told.content["job"]["status"]) == (job.id, status.value)
    assert [await of(each) for each in (success, plans, off)] == [[], [], []]


async def test_an_end_that_is_rolled_back_leaves_no_notice(store):
    made = await channel("https://a.example/")
    job = await factories.job(await factories.cluster())

    async def lost() -> None:
        async with database.transaction():
            await runs.cancel(job.id)
            raise ConnectionError

    with pytest.raises(ConnectionError):
        await lost()
    assert await of(made) == []
    assert (await jobs.get(job.id)).status is JobStatus.QUEUED


async def test_a_redirect_is_not_followed(store):
    async with HttpReceiver().listening() as elsewhere, HttpReceiver(elsewhere.url).listening() as receiver:
        made = await channel(receiver.url)
        await end_a_job()
        await send(sender())

    [tried] = await of(made)
    assert elsewhere.requests == []
    assert tried.tries[0].error == "The receiver answered 302: redirects are not followed."


async def test_a_receiver_that_hangs_is_given_up_and_holds_up_nobody_else(store, monkeypatch):
    monkeypatch.setattr(webhook, "TIMEOUT_SECONDS", 3.0)
    async with HttpReceiver(HANG).listening() as hanging, HttpReceiver().listening() as receiver:
        slow = await channel(hanging.url, name="slow")
        quick = await channel(receiver.url, name="quick")
        await end_a_job()
        await end_a_job()
        by = sender()
        claimed = [await by.claim() for _ in range(3)]

        # One of each channel; the slow one's second waits, whoever asks.
        assert [each.channel_id for each in claimed if each] in (
            [slow.id, quick.id],
            [quick.id, slow.id],
        )
        await asyncio.gather(*(by.send(each) for each in claimed if each))
        await send(by)

    assert [each.status for each in await of(quick)] == ["delivered", "delivered"]
    errors = [each.error for delivery in await of(slow) for each in delivery.tries if each.error]
    assert errors == ["The receiver did not answer within 3 s."]


async def test_a_notice_is_given_up_visibly_and_a_person_can_send_it_again(store):
    async with HttpReceiver(*[503] * job_notices.MAXIMUM_TRIES).listening() as receiver:
        made = await channel(receiver.url)
        await end_a_job()
        for _ in range(job_notices.MAXIMUM_TRIES + 3):
            await send(sender())
            await make_due()
        [dead] = await of(made)
        assert (dead.status, len(dead.tries), dead.next_try_at) == (DeliveryStatus.DEAD, 8, None)

        assert await notification_deliveries.send_again(dead.id)
        await send(sender())

    [done] = await of(made)
    assert (done.status, len(done.tries)) == (DeliveryStatus.DELIVERED, 9)


async def test_a_receiver_that_says_gone_is_left_alone(store):
    async with HttpReceiver(410).listening() as receiver:
        made = await channel(receiver.url)
        await end_a_job()
        await send(sender())

    assert [each.status for each in await of(made)] == [DeliveryStatus.DEAD]


async def test_notices_do_not_go_to_addresses_inside_unless_the_settings_allow_them(store):
    async with HttpReceiver().listening() as receiver:
        made = await channel(receiver.url.replace("127.0.0.1", "localhost"))
        await end_a_job()
        await send(sender(webhook_allowed_cidrs=""))
        [refused] = await of(made)
        await make_due()
        await send(sender())

    assert "which is not a public address" in refused.tries[0].error
    assert len(receiver.requests) == 1


async def test_tls_is_checked_against_the_name(store, tmp_path, monkeypatch):
    context, trusted = certificate(tmp_path)
    async with HttpReceiver().listening(context) as receiver:
        made = await channel(receiver.url)
        await end_a_job()
        await send(sender())
        [refused] = await of(made)
        monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
        await make_due()
        await send(sender())

    assert "CERTIFICATE_VERIFY_FAILED" in refused.tries[0].error
    assert [each.headers["host"] for each in receiver.requests] == [receiver.url.split("/")[2]]


async def test_senders_never_send_one_notice_at_the_same_time_and_each_once(store):
    async with HttpReceiver().listening() as receiver:
        made = [await channel(f"{receiver.url}/{number}", name=f"hook-{number}") for number in range(4)]
        for _ in range(5):
            await end_a_job()

        async def work(name: str) -> None:
            by = sender(name)
            while await _pending(made):
                await send(by)

        async with asyncio.timeout(60):
            await asyncio.gather(*(work(f"sender-{number}") for number in range(4)))

    seen = [request.headers["x-keelyard-delivery"] for request in receiver.requests]
    assert len(seen) == len(set(seen)) == 20
    assert set(receiver.most_at_once.values()) == {1}


async def test_a_replaced_secret_signs_too_until_it_has_run_out(store):
    async with HttpReceiver().listening() as receiver:
        made = await channel(receiver.url)
        both = Configuration(
            url=receiver.url,
            secret="new",
            previous_secret=SECRET,
            previous_until=records.now().replace(year=records.now().year + 1),
        )
        token = factories.CIPHER.encrypt(msgspec.json.encode(both).decode())
        await notification_channels.update(made.id, configuration_encrypted=token)
        await end_a_job()
        await send(sender())

    check(receiver.requests[0], "new", SECRET)


async def test_a_worker_killed_while_it_sends_loses_nothing(store, workplace):
    """SIGKILL with the receiver holding the request; the next worker sends the notice again, under its id."""
    workplace.playbook(first=QUICK)
    async with HttpReceiver(HANG).listening() as receiver:
        made = await channel(receiver.url)
        worker = workplace.start_worker(WEBHOOK_ALLOWED_CIDRS=LOOPBACK)
        await factories.job(await factories.cluster())

        async def sending():
            return receiver.requests

        await until(sending, "the first try")
        worker.kill()
        worker.wait()
        [cut] = await of(made)
        assert cut.status is DeliveryStatus.PENDING
        await database.fetch("UPDATE notification_delivery SET lease_until = now() - interval '1 second'")
        workplace.start_worker(WEBHOOK_ALLOWED_CIDRS=LOOPBACK)

        async def delivered():
            [found] = await of(made)
            return found if found.status is DeliveryStatus.DELIVERED else None

        done = await until(delivered, "the second try")

    assert [each.error for each in done.tries] == [VANISHED, None]
    assert {each.headers["x-keelyard-delivery"] for each in receiver.requests} == {str(done.id)}
    assert check(receiver.requests[0], SECRET) == check(receiver.requests[1], SECRET)


PASSWORD = "canary-smtp-93c"


async def test_mail_goes_out_over_starttls_with_a_login(store, tmp_path, monkeypatch):
    context, trusted = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    async with MailServer(tls=context, login=("keel", PASSWORD)).listening() as server:
        url = f"smtp://keel:{PASSWORD}@localhost:{server.port}"
        made = await mail_channel("ops@example.com", "night@example.com")
        job = await end_a_job()
        await send(sender(smtp_url=url, mail_from="keelyard@yard.example"))

    [done] = await of(made)
    assert done.status is DeliveryStatus.DELIVERED, done
    [(recipients, content)] = server.messages
    mail = message_from_bytes(content, policy=policy.default)
    assert recipients == ["ops@example.com", "night@example.com"]
    assert "provision failed" in mail["subject"]
    assert mail["message-id"] == f"<{done.id}@yard.example>"
    text = mail.get_content()
    assert "cp-1: the disk is full" in text
    assert f"https://yard.example/api/v1/jobs/{job.id}" in text


@pytest.mark.parametrize("wrong", ["no starttls", "unknown certificate", "password"])
async def test_mail_is_not_sent_in_clear_or_to_a_stranger_and_no_password_is_kept(
    store, tmp_path, monkeypatch, wrong
):
    context, trusted = certificate(tmp_path)
    if wrong != "unknown certificate":
        monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    login = ("keel", "another") if wrong == "password" else None
    async with MailServer(tls=None if wrong == "no starttls" else context, login=login).listening() as server:
        url = f"smtp://keel:{PASSWORD}@localhost:{server.port}"
        made = await mail_channel("ops@example.com")
        await end_a_job()
        await send(sender(smtp_url=url, mail_from="keelyard@yard.example"))

    [tried] = await of(made)
    assert server.messages == []
    assert (tried.status, len(tried.tries)) == (DeliveryStatus.PENDING, 1)
    assert tried.tries[0].error.startswith(
        "The mail server refused: 535" if wrong == "password" else "The mail server cannot be used"
    )
    assert PASSWORD not in str(tried)
