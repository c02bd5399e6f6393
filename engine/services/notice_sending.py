"""Sends notices that are due. Any number of senders may work; a delivery is one's while its lease lasts.

A sender that dies in a try leaves a lease that runs out, and another one tries again: every notice is
delivered at least once, and a receiver tells a repetition by the delivery's id.
"""

from __future__ import annotations

import random
import time
from typing import Any

import msgspec
import structlog

from engine.clients import smtp, webhook
from engine.clients.errors import NotDelivered
from engine.domain import job_notices
from engine.domain.errors import MisconfiguredServer
from engine.domain.job_notices import ChannelKind, DeliveryStatus, NoticeEvent
from engine.services import notification_channels as channels
from engine.services.encryption import Cipher
from engine.services.notice_settings import NoticeSettings
from engine.store import database, locks, notification_channels, notification_deliveries, records
from engine.store.records import DeliveryTry, NotificationChannel, NotificationDelivery

VANISHED = "The sender was gone before it knew the outcome."
_JITTER = 0.1  # so that the notices of one outage do not come back in one moment
_LOG = structlog.get_logger(__name__)


class Sender:
    """Sends notices under a name."""

    def __init__(self, name: str, cipher: Cipher, settings: NoticeSettings) -> None:
        self._name = name
        self._cipher = cipher
        self._settings = settings

    async def claim(self) -> NotificationDelivery | None:
        """A delivery that is due, ours for as long as a try may take; None when none is."""
        async with database.transaction():
            # One after the other, each seeing the claims before it: a channel has one notice under way.
            await locks.until_commit("keelyard:notice:claim")
            found = await notification_deliveries.lock_next()
            if found is None:
                return None
            tries, in_round = list(found.tries), found.tries_in_round
            if found.lease_until is not None:
                tries.append(DeliveryTry(at=found.lease_until, seconds=0, error=VANISHED))
                in_round += 1
            return await notification_deliveries.claim(found.id, self._name, _kept(tries), in_round)

    async def send(self, delivery: NotificationDelivery) -> None:
        """Try a claimed delivery once, and write how that ended."""
        channel = await notification_channels.get(delivery.channel_id)
        if channel is None:  # deleted meanwhile, and its deliveries with it
            return
        began, at = time.monotonic(), records.now()
        code, error = None, None
        try:
            code = await self._deliver(channel, delivery)
        except NotDelivered as failed:
            code, error = failed.status_code, failed.message
        except MisconfiguredServer as failed:  # a key or the mail server is missing on this machine
            error = failed.message
        tried = DeliveryTry(at=at, seconds=round(time.monotonic() - began, 3), status_code=code, error=error)
        await self._settle(channel, delivery, tried)

    async def _deliver(self, channel: NotificationChannel, delivery: NotificationDelivery) -> int | None:
        configuration = channels.decrypted(channel, self._cipher)
        if channel.kind is ChannelKind.MAIL:
            if self._settings.mail is None:
                raise MisconfiguredServer("SMTP_URL is not set for this worker.")
            await smtp.send(self._settings.mail, self._mail(configuration, channel, delivery))
            return None
        assert configuration.url is not None
        body = msgspec.json.encode(self.body(channel, delivery))
        stamp = int(time.time())
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "keelyard",
            job_notices.EVENT_HEADER: delivery.event.value,
            job_notices.DELIVERY_HEADER: str(delivery.id),
            job_notices.SIGNATURE_HEADER: job_notices.signature(
                configuration.signing(records.now()), stamp, body
            ),
        }
        return await webhook.post(configuration.url, body, headers, self._settings.allowed)

    async def _settle(
        self, channel: NotificationChannel, delivery: NotificationDelivery, tried: DeliveryTry
    ) -> None:
        in_round = delivery.tries_in_round + 1
        status, wait = _verdict(tried, in_round)
        ours = await notification_deliveries.settle(
            delivery.id,
            delivery.claim,
            status=status,
            tries=_kept([*delivery.tries, tried]),
            tries_in_round=in_round,
            retry_seconds=wait,
        )
        log = _LOG.warning if tried.error else _LOG.info
        log(
            "A notice was tried.",
            channel=channel.name,
            delivery_id=str(delivery.id),
            status=status.value if ours else "taken over",
            error=tried.error,
        )

    def body(self, channel: NotificationChannel, delivery: NotificationDelivery) -> dict[str, Any]:
        """What a webhook's receiver gets."""
        return {
            "delivery_id": str(delivery.id),
            "event": delivery.event.value,
            "created_at": delivery.created_at,
            "channel": {"id": str(channel.id), "name": channel.name},
            **delivery.content,
            "links": self._links(delivery),
        }

    def _links(self, delivery: NotificationDelivery) -> dict[str, str]:
        base = self._settings.public_url
        if delivery.event is NoticeEvent.TEST:
            place = f"/api/v1/notification-channels/{delivery.channel_id}/deliveries/{delivery.id}"
            return {"delivery": base + place}
        job = f"{base}/api/v1/jobs/{delivery.job_id}"
        cluster = f"{base}/api/v1/clusters/{delivery.content['cluster']['id']}"
        return {"job": job, "log": f"{job}/log", "events": f"{job}/events", "cluster": cluster}

    def _mail(
        self,
        configuration: channels.Configuration,
        channel: NotificationChannel,
        delivery: NotificationDelivery,
    ) -> smtp.Mail:
        subject, lines = _told(channel, delivery)
        links = [f"{name}: {link}" for name, link in self._links(delivery).items()]
        closing = f"Channel {channel.name}, delivery {delivery.id}."
        return smtp.Mail(
            recipients=configuration.recipients,
            subject=" ".join(subject.split())[:200],
            text="\n".join([*lines, "", *links, "", closing, ""]),
            message_id=str(delivery.id),
        )


async def keep_house() -> None:
    """Forget deliveries that ended long ago."""
    await notification_deliveries.forget(job_notices.KEPT_DAYS)


def _verdict(tried: DeliveryTry, in_round: int) -> tuple[DeliveryStatus, float | None]:
    """What becomes of a delivery after a try, and how many seconds it waits for the next."""
    if tried.error is None:
        return DeliveryStatus.DELIVERED, None
    wait = None if tried.status_code == job_notices.GONE else job_notices.retry_after(in_round)
    if wait is None:
        return DeliveryStatus.DEAD, None
    return DeliveryStatus.PENDING, wait * (1 + _JITTER * random.random())  # noqa: S311 - spreads load


def _kept(tries: list[DeliveryTry]) -> list[DeliveryTry]:
    return tries[-job_notices.KEPT_TRIES :]


def _told(channel: NotificationChannel, delivery: NotificationDelivery) -> tuple[str, list[str]]:
    if delivery.event is NoticeEvent.TEST:
        return f"[keelyard] test of channel {channel.name}", ["This is a test. Notices arrive."]
    job, cluster = delivery.content["job"], delivery.content["cluster"]
    lines = [
        f"The {job['type']} job of cluster {cluster['name']} ended: {job['status']}.",
        f"Asked for by {job['created_by']} at {job['created_at']}; ended at {job['finished_at']}.",
        f"The cluster is {cluster['status']}.",
    ]
    for label, name in (("Reason", "reason"), ("First failure", "first_failure")):
        if job[name]:
            lines += ["", f"{label}:", str(job[name])]
    return f"[keelyard] {cluster['name']}: {job['type']} {job['status']}", lines
