"""Notification channels: made, listed, changed, tried. Their notices are sent by `notice_sending`."""

from __future__ import annotations

import secrets
import uuid
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import msgspec

from engine.clients import smtp, webhook
from engine.domain import permissions, spec_rules
from engine.domain.errors import Conflict, FieldProblem, InvalidSpec, NameTaken, NotFound
from engine.domain.job_notices import (
    FILTER_STATUSES,
    ROTATION_HOURS,
    ChannelKind,
    DeliveryStatus,
    EventFilter,
    NoticeEvent,
)
from engine.domain.permissions import Permission, Principal
from engine.domain.statuses import JobStatus, JobType
from engine.services import audit_log, clusters
from engine.services.encryption import Cipher
from engine.services.identity import Caller
from engine.services.notice_settings import NoticeSettings
from engine.store import database, notification_channels, notification_deliveries, records, scope

Delivery = records.NotificationDelivery

MAXIMUM_RECIPIENTS = 20


class Configuration(msgspec.Struct, frozen=True, kw_only=True):
    """Where a channel leads, and what it signs with; encrypted at rest."""

    url: str | None = None
    recipients: tuple[str, ...] = ()
    secret: str | None = None
    previous_secret: str | None = None
    previous_until: datetime | None = None

    def __repr__(self) -> str:
        return "Configuration(...)"

    __str__ = __repr__

    def signing(self, now: datetime) -> list[str]:
        """The secrets to sign with: the present one, and the one it replaced until that has run out."""
        found = [self.secret] if self.secret else []
        if self.previous_secret and self.previous_until and now < self.previous_until:
            found.append(self.previous_secret)
        return found


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A channel as asked for; `clusters` are ids or names."""

    name: str
    kind: ChannelKind
    url: str | None = None
    recipients: tuple[str, ...] = ()
    job_types: tuple[JobType, ...] = ()
    statuses: tuple[JobStatus, ...] = ()
    clusters: tuple[str, ...] = ()
    enabled: bool = True

    def __repr__(self) -> str:
        return f"Wanted({self.name!r}, ...)"

    __str__ = __repr__


class ChannelView(msgspec.Struct, frozen=True, kw_only=True):
    """A channel as it is shown."""

    channel: records.NotificationChannel
    configuration: Configuration
    counts: dict[str, int]


class Channels:
    """Channels of a server with its keys and settings."""

    def __init__(self, cipher: Cipher, settings: NoticeSettings) -> None:
        self._cipher = cipher
        self._settings = settings

    async def page(self, principal: Principal, *, page: int, page_size: int) -> tuple[list[ChannelView], int]:
        """Channels by name, and how many in all."""
        permissions.require(principal, Permission.CHANNEL_READ)
        found, total = await notification_channels.page(offset=(page - 1) * page_size, limit=page_size)
        return await self._views(found), total

    async def get(self, principal: Principal, channel_id: uuid.UUID) -> ChannelView:
        """The channel with this id; raises NotFound."""
        permissions.require(principal, Permission.CHANNEL_READ)
        return await self._view(channel_id)

    async def create(self, wanted: Wanted, caller: Caller) -> tuple[ChannelView, str | None]:
        """Write a channel; the secret of a webhook is given out here and never again.

        Raises InvalidSpec with every problem, NameTaken, Forbidden.
        """
        principal = _allowed(caller, Permission.CHANNEL_CREATE)
        tenant_id = scope.for_new()
        event_filter = await self._checked(wanted, tenant_id)
        secret = _new_secret() if wanted.kind is ChannelKind.WEBHOOK else None
        configuration = Configuration(url=wanted.url, recipients=wanted.recipients, secret=secret)
        channel = records.NotificationChannel(
            tenant_id=tenant_id,
            name=wanted.name,
            kind=wanted.kind,
            enabled=wanted.enabled,
            event_filter=event_filter,
            configuration_encrypted=self._encrypted(configuration),
            created_by=uuid.UUID(principal.account_id),
            created_by_email=principal.email,
        )
        try:
            async with database.transaction():
                await notification_channels.add(channel)
                await _record(caller, Permission.CHANNEL_CREATE, channel, _told(wanted))
        except asyncpg.UniqueViolationError as error:  # the name is all that must be unique
            raise _name_taken(wanted.name) from error
        return await self._view(channel.id), secret

    async def put(self, channel_id: uuid.UUID, wanted: Wanted, caller: Caller) -> ChannelView:
        """Replace a channel but its kind and secret. Raises like `create`, and NotFound."""
        _allowed(caller, Permission.CHANNEL_UPDATE)
        before = await self._view(channel_id)
        event_filter = await self._checked(wanted, before.channel.tenant_id, before.channel.kind)
        try:
            async with database.transaction():
                channel = await _locked(channel_id)
                configuration = msgspec.structs.replace(
                    self._decrypted(channel), url=wanted.url, recipients=wanted.recipients
                )
                await notification_channels.update(
                    channel_id,
                    name=wanted.name,
                    enabled=wanted.enabled,
                    event_filter=event_filter,
                    configuration_encrypted=self._encrypted(configuration),
                )
                await _record(caller, Permission.CHANNEL_UPDATE, channel, _told(wanted))
        except asyncpg.UniqueViolationError as error:
            raise _name_taken(wanted.name) from error
        return await self._view(channel_id)

    async def set_enabled(self, channel_id: uuid.UUID, enabled: bool, caller: Caller) -> ChannelView:
        """Turn a channel on or off; while it is off no notice is written, and those waiting wait on."""
        _allowed(caller, Permission.CHANNEL_UPDATE)
        async with database.transaction():
            channel = await _locked(channel_id)
            await notification_channels.update(channel_id, enabled=enabled)
            await _record(caller, Permission.CHANNEL_UPDATE, channel, {"enabled": enabled})
        return await self._view(channel_id)

    async def rotate_secret(self, channel_id: uuid.UUID, caller: Caller) -> tuple[ChannelView, str]:
        """A new secret; the old one signs too for a day. Raises NotFound, Conflict for mail."""
        _allowed(caller, Permission.CHANNEL_UPDATE)
        async with database.transaction():
            channel = await _locked(channel_id)
            if channel.kind is not ChannelKind.WEBHOOK:
                raise Conflict(f"Channel {channel.name!r} is mail; only webhooks have a secret.")
            before = self._decrypted(channel)
            secret = _new_secret()
            configuration = msgspec.structs.replace(
                before,
                secret=secret,
                previous_secret=before.secret,
                previous_until=records.now() + timedelta(hours=ROTATION_HOURS),
            )
            await notification_channels.update(
                channel_id, configuration_encrypted=self._encrypted(configuration)
            )
            await _record(caller, Permission.CHANNEL_UPDATE, channel, {"secret": "rotated"})
        return await self._view(channel_id), secret

    async def _checked(
        self, wanted: Wanted, tenant_id: uuid.UUID, kind: ChannelKind | None = None
    ) -> EventFilter:
        problems = [*spec_rules.name_problems(wanted.name), *self._target_problems(wanted)]
        if kind is not None and wanted.kind is not kind:
            problems.append(FieldProblem("kind", f"is {kind.value} and cannot be changed; make another one"))
        known = ", ".join(FILTER_STATUSES)
        problems += [
            FieldProblem(f"events.statuses.{index}", f"must be a status that a job ends with: {known}")
            for index, status in enumerate(wanted.statuses)
            if status not in FILTER_STATUSES
        ]
        found = []
        for index, reference in enumerate(wanted.clusters):
            try:
                cluster = await clusters.find(reference)
            except NotFound as error:
                problems.append(FieldProblem(f"events.clusters.{index}", error.message))
                continue
            if cluster.tenant_id != tenant_id:
                problems.append(FieldProblem(f"events.clusters.{index}", "is a cluster of another tenant"))
            found.append(cluster.id)
        if problems:
            raise InvalidSpec(problems)
        return EventFilter(job_types=list(wanted.job_types), statuses=list(wanted.statuses), clusters=found)

    def _target_problems(self, wanted: Wanted) -> list[FieldProblem]:
        if wanted.kind is ChannelKind.WEBHOOK:
            problems = [FieldProblem("recipients", "are for mail")] if wanted.recipients else []
            problem = webhook.url_problem(wanted.url or "", self._settings.allowed)
            return [*problems, FieldProblem("url", problem)] if problem else problems
        problems = [FieldProblem("url", "is for webhooks")] if wanted.url is not None else []
        if self._settings.mail is None:
            problems.append(FieldProblem("kind", "mail needs SMTP_URL and MAIL_FROM, which are not set"))
        if not 1 <= len(wanted.recipients) <= MAXIMUM_RECIPIENTS:
            problems.append(FieldProblem("recipients", f"must be 1 to {MAXIMUM_RECIPIENTS} mail addresses"))
        problems += [
            FieldProblem(f"recipients.{index}", "is not a mail address")
            for index, recipient in enumerate(wanted.recipients)
            if not smtp.is_address(recipient)
        ]
        return problems

    async def _view(self, channel_id: uuid.UUID) -> ChannelView:
        found = await notification_channels.get(channel_id)
        if found is None:
            raise _unknown(channel_id)
        return (await self._views([found]))[0]

    async def _views(self, found: list[records.NotificationChannel]) -> list[ChannelView]:
        counts = await notification_channels.counts([channel.id for channel in found])
        return [
            ChannelView(channel=channel, configuration=self._decrypted(channel), counts=counts[channel.id])
            for channel in found
        ]

    def _encrypted(self, configuration: Configuration) -> str:
        return self._cipher.encrypt(msgspec.json.encode(configuration).decode())

    def _decrypted(self, channel: records.NotificationChannel) -> Configuration:
        return decrypted(channel, self._cipher)


def decrypted(channel: records.NotificationChannel, cipher: Cipher) -> Configuration:
    """Where a channel leads."""
    return msgspec.json.decode(cipher.decrypt(channel.configuration_encrypted), type=Configuration)


def parse_id(text: str, what: str = "notification channel") -> uuid.UUID:
    """The id that a path names; raises NotFound for what cannot be one."""
    if not spec_rules.is_uuid(text):
        raise NotFound(f"There is no {what} {text[:100]!r}.")
    return uuid.UUID(text)


async def delete(channel_id: uuid.UUID, caller: Caller) -> None:
    """Delete a channel and its deliveries, sent or not. Raises NotFound."""
    _allowed(caller, Permission.CHANNEL_DELETE)
    async with database.transaction():
        channel = await _locked(channel_id)
        await notification_channels.remove(channel_id)
        await _record(caller, Permission.CHANNEL_DELETE, channel, {"kind": channel.kind.value})


async def test(channel_id: uuid.UUID, caller: Caller) -> Delivery:
    """Queue a notice that says it is a test. Raises NotFound, Conflict for a disabled channel."""
    _allowed(caller, Permission.CHANNEL_TEST)
    async with database.transaction():
        channel = await _locked(channel_id)
        if not channel.enabled:
            raise Conflict(f"Channel {channel.name!r} is disabled.", remedy="Enable it, then test it.")
        now = records.now()
        delivery = Delivery(channel_id=channel.id, event=NoticeEvent.TEST, next_try_at=now, created_at=now)
        await notification_deliveries.add_many([delivery])
        await _record(caller, Permission.CHANNEL_TEST, channel, {"delivery_id": str(delivery.id)})
    return delivery


async def deliveries(
    principal: Principal, channel_id: uuid.UUID, *, status: DeliveryStatus | None, page: int, page_size: int
) -> tuple[list[Delivery], int]:
    """Deliveries of a channel, latest first, and how many in all; raises NotFound."""
    permissions.require(principal, Permission.CHANNEL_READ)
    if await notification_channels.get(channel_id) is None:
        raise _unknown(channel_id)
    return await notification_deliveries.page(
        channel_id, status=status, offset=(page - 1) * page_size, limit=page_size
    )


async def delivery(principal: Principal, channel_id: uuid.UUID, delivery_id: uuid.UUID) -> Delivery:
    """One delivery of a channel; raises NotFound."""
    permissions.require(principal, Permission.CHANNEL_READ)
    found = await notification_deliveries.get(delivery_id)
    if found is None or found.channel_id != channel_id:
        raise NotFound(f"There is no delivery {delivery_id}.")
    return found


async def redeliver(channel_id: uuid.UUID, delivery_id: uuid.UUID, caller: Caller) -> Delivery:
    """Send a notice once more, now, with all its tries before it; its id stays.

    Raises NotFound, and Conflict while it is being sent or its channel is disabled.
    """
    principal = _allowed(caller, Permission.CHANNEL_REDELIVER)
    async with database.transaction():
        channel = await _locked(channel_id)
        await delivery(principal, channel_id, delivery_id)
        if not channel.enabled:
            raise Conflict(f"Channel {channel.name!r} is disabled.", remedy="Enable it first.")
        if not await notification_deliveries.send_again(delivery_id):
            raise Conflict(f"Delivery {delivery_id} is being sent at this moment.", remedy="Wait for it.")
        await _record(caller, Permission.CHANNEL_REDELIVER, channel, {"delivery_id": str(delivery_id)})
    return await delivery(principal, channel_id, delivery_id)


async def _locked(channel_id: uuid.UUID) -> records.NotificationChannel:
    found = await notification_channels.get(channel_id, lock=True)
    if found is None:
        raise _unknown(channel_id)
    return found


def _unknown(channel_id: uuid.UUID) -> NotFound:
    return NotFound(f"There is no notification channel {channel_id}.")


def _name_taken(name: str) -> NameTaken:
    return NameTaken(f"There is a notification channel {name!r} already.", remedy="Choose another name.")


def _new_secret() -> str:
    return f"whsec_{secrets.token_urlsafe(32)}"


def _allowed(caller: Caller, permission: Permission) -> Principal:
    assert caller.principal is not None
    permissions.require(caller.principal, permission)
    return caller.principal


def _told(wanted: Wanted) -> dict[str, Any]:
    """What the audit log keeps: not the address of a webhook, which often is a secret."""
    return {
        "kind": wanted.kind.value,
        "recipients": list(wanted.recipients),
        "job_types": list(wanted.job_types),
        "statuses": list(wanted.statuses),
        "clusters": list(wanted.clusters),
        "enabled": wanted.enabled,
    }


async def _record(
    caller: Caller, permission: Permission, channel: records.NotificationChannel, details: dict[str, Any]
) -> None:
    resource = audit_log.Resource("notification-channel", str(channel.id), channel.name, channel.tenant_id)
    await audit_log.record(caller, permission.value, resource, details=details)
