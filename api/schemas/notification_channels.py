"""Bodies of the notification channel routes."""

from __future__ import annotations

import enum
from datetime import datetime

import msgspec

from api.schemas.common import Reply, Request


class ChannelKind(enum.StrEnum):
    """How a notice travels."""

    WEBHOOK = "webhook"
    MAIL = "mail"


class EventsRequest(Request):
    """Which ended jobs to tell; an empty list means any. `clusters` takes ids and names."""

    job_types: list[str] = msgspec.field(default_factory=list)
    statuses: list[str] = msgspec.field(default_factory=list)
    clusters: list[str] = msgspec.field(default_factory=list)


class ChannelRequest(Request):
    """A channel as asked for: a webhook has a `url`, mail has `recipients`."""

    name: str
    kind: ChannelKind
    url: str | None = None
    recipients: list[str] = msgspec.field(default_factory=list)
    events: EventsRequest = msgspec.field(default_factory=EventsRequest)
    enabled: bool = True


class ChannelSwitch(Request):
    """What PATCH changes."""

    enabled: bool


class Events(Reply):
    """Which ended jobs are told; an empty list means any."""

    job_types: list[str]
    statuses: list[str]
    clusters: list[str]


class DeliveryCounts(Reply):
    """How far a channel's notices got; `dead` ones were given up."""

    pending: int = 0
    delivered: int = 0
    dead: int = 0


class Channel(Reply):
    """Where notices go. `secret` is there once: when it was made."""

    id: str
    name: str
    kind: str
    enabled: bool
    url: str | None
    recipients: list[str]
    events: Events
    deliveries: DeliveryCounts
    created_by: str
    created_at: datetime
    updated_at: datetime
    secret: str | msgspec.UnsetType = msgspec.UNSET


class DeliveryTry(Reply):
    """One try to deliver a notice; `error` is null when it was taken."""

    at: datetime
    seconds: float
    status_code: int | None
    error: str | None


class Delivery(Reply):
    """One notice for one channel. `next_try_at` is null when there is none any more."""

    id: str
    channel_id: str
    event: str
    job_id: str | None
    status: str
    tries: list[DeliveryTry]
    next_try_at: datetime | None
    created_at: datetime
    delivered_at: datetime | None


class DeliveryQueued(Reply):
    """A notice that will be sent in a moment."""

    message: str
    delivery_id: str
