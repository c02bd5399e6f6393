"""Notification channels: list, make, look, replace, switch, delete, try, and what became of their notices."""

from __future__ import annotations

import contextlib
import enum
import uuid
from collections.abc import Awaitable, Callable
from typing import Annotated

import msgspec
from litestar import Response, Router, delete, get, patch, post, put
from litestar.params import FromPath, JSONBody, QueryParameter

from api import guards, replies, state
from api.decoding import Body
from api.replies import PageNumber, PageSize
from api.schemas import notification_channels as wire
from api.schemas.common import Page
from engine.domain.errors import FieldProblem, InvalidSpec, NotFound
from engine.domain.job_notices import ChannelKind, DeliveryStatus
from engine.domain.permissions import Permission
from engine.domain.statuses import JobStatus, JobType
from engine.services import notification_channels as channels
from engine.services.notification_channels import ChannelView, Delivery, parse_id

_READ = [guards.requires(Permission.CHANNEL_READ), guards.known_query]
_StatusFilter = Annotated[
    str | None,
    QueryParameter(
        name="status",
        pattern=f"^({'|'.join(DeliveryStatus)})$",
        description="pending, delivered or dead",
    ),
]
_PLACE = "/api/v1/notification-channels"
Making = Callable[[], Awaitable[tuple[ChannelView, str | None]]]
_UPDATE = guards.requires(Permission.CHANNEL_UPDATE)
_UPDATES = {"action": Permission.CHANNEL_UPDATE.value}


@get("/", summary="List notification channels", guards=_READ)
async def list_channels(
    request: guards.AnyRequest, page: PageNumber = 1, page_size: PageSize = 20
) -> Response[Page[wire.Channel]]:
    """By name, with how far their notices got."""
    found, total = await _channels(request).page(guards.principal(request), page=page, page_size=page_size)
    return replies.page([_channel(view) for view in found], total, page, page_size)


@post(
    "/",
    status_code=201,
    summary="Create notification channel",
    dto=Body[wire.ChannelRequest],
    guards=[guards.requires(Permission.CHANNEL_CREATE)],
    opt={"action": Permission.CHANNEL_CREATE.value},
)
async def create(request: guards.AnyRequest, data: JSONBody[wire.ChannelRequest]) -> Response[wire.Channel]:
    """Makes a channel. A webhook's `secret` is in this answer only; a repeated answer does not have it."""
    guards.name_target(request, data.name)
    return await _with_secret(request, 201, lambda: _make(request, data))


@get("/{channel_id:str}", summary="Get notification channel", guards=_READ)
async def get_channel(request: guards.AnyRequest, channel_id: FromPath[str]) -> wire.Channel:
    """A channel, without its secret."""
    return _channel(await _channels(request).get(guards.principal(request), parse_id(channel_id)))


@put(
    "/{channel_id:str}",
    summary="Replace notification channel",
    dto=Body[wire.ChannelRequest],
    guards=[_UPDATE],
    opt=_UPDATES,
)
async def replace(
    request: guards.AnyRequest, channel_id: FromPath[str], data: JSONBody[wire.ChannelRequest]
) -> wire.Channel:
    """Everything of it but its kind and secret."""
    changed = await _channels(request).put(parse_id(channel_id), _wanted(data), guards.caller(request))
    return _channel(changed)


@patch(
    "/{channel_id:str}",
    summary="Enable or disable notification channel",
    dto=Body[wire.ChannelSwitch],
    guards=[_UPDATE],
    opt=_UPDATES,
)
async def switch(
    request: guards.AnyRequest, channel_id: FromPath[str], data: JSONBody[wire.ChannelSwitch]
) -> wire.Channel:
    """`{"enabled": false}` writes no notices from now on; those that wait go on waiting."""
    changed = await _channels(request).set_enabled(parse_id(channel_id), data.enabled, guards.caller(request))
    return _channel(changed)


@delete(
    "/{channel_id:str}",
    status_code=204,
    summary="Delete notification channel",
    guards=[guards.requires(Permission.CHANNEL_DELETE), guards.known_query],
    opt={"action": Permission.CHANNEL_DELETE.value},
)
async def delete_channel(request: guards.AnyRequest, channel_id: FromPath[str]) -> None:
    """The channel and its notices, sent or not."""
    await channels.delete(parse_id(channel_id), guards.caller(request))


@post(
    "/{channel_id:str}/rotate-secret",
    status_code=200,
    summary="Rotate secret of notification channel",
    guards=[_UPDATE],
    opt=_UPDATES,
)
async def rotate_secret(request: guards.AnyRequest, channel_id: FromPath[str]) -> Response[wire.Channel]:
    """Gives a webhook a new `secret`, shown once; for 24 hours notices are signed with the old one too."""

    async def work() -> tuple[ChannelView, str | None]:
        return await _channels(request).rotate_secret(parse_id(channel_id), guards.caller(request))

    return await _with_secret(request, 200, work)


@post(
    "/{channel_id:str}/test",
    status_code=202,
    summary="Test notification channel",
    guards=[guards.requires(Permission.CHANNEL_TEST)],
    opt={"action": Permission.CHANNEL_TEST.value},
)
async def test(request: guards.AnyRequest, channel_id: FromPath[str]) -> Response[wire.DeliveryQueued]:
    """Queues a notice that says it is a test; its delivery tells what became of it."""

    async def work() -> replies.Answer:
        made = await channels.test(parse_id(channel_id), guards.caller(request))
        return _queued("Test notice queued", made)

    return await replies.once(request, work)


@get("/{channel_id:str}/deliveries", summary="Deliveries of a notification channel", guards=_READ)
async def list_deliveries(
    request: guards.AnyRequest,
    channel_id: FromPath[str],
    page: PageNumber = 1,
    page_size: PageSize = 20,
    delivery_status: _StatusFilter = None,
) -> Response[Page[wire.Delivery]]:
    """Latest first, each with its tries."""
    found, total = await channels.deliveries(
        guards.principal(request),
        parse_id(channel_id),
        status=DeliveryStatus(delivery_status) if delivery_status else None,
        page=page,
        page_size=page_size,
    )
    return replies.page([_delivery(each) for each in found], total, page, page_size)


@get("/{channel_id:str}/deliveries/{delivery_id:str}", summary="Get delivery", guards=_READ)
async def get_delivery(
    request: guards.AnyRequest, channel_id: FromPath[str], delivery_id: FromPath[str]
) -> wire.Delivery:
    """One notice with its tries."""
    found = await channels.delivery(guards.principal(request), *_ids(channel_id, delivery_id))
    return _delivery(found)


@post(
    "/{channel_id:str}/deliveries/{delivery_id:str}/redeliver",
    status_code=202,
    summary="Redeliver a notice",
    guards=[guards.requires(Permission.CHANNEL_REDELIVER)],
    opt={"action": Permission.CHANNEL_REDELIVER.value},
)
async def redeliver(
    request: guards.AnyRequest, channel_id: FromPath[str], delivery_id: FromPath[str]
) -> Response[wire.DeliveryQueued]:
    """Sends a notice once more under the same id, with all its tries before it."""

    async def work() -> replies.Answer:
        found = await channels.redeliver(*_ids(channel_id, delivery_id), guards.caller(request))
        return _queued("Notice queued again", found)

    return await replies.once(request, work)


def _channels(request: guards.AnyRequest) -> channels.Channels:
    return state.of(request.app).channels


async def _make(request: guards.AnyRequest, data: wire.ChannelRequest) -> tuple[ChannelView, str | None]:
    return await _channels(request).create(_wanted(data), guards.caller(request))


async def _with_secret(request: guards.AnyRequest, status_code: int, make: Making) -> Response[wire.Channel]:
    """The answer with the secret. What `Idempotency-Key` keeps has neither secret nor address."""
    view: ChannelView | None = None
    secret: str | None = None

    async def work() -> replies.Answer:
        nonlocal view, secret
        view, secret = await make()
        kept = _channel(view)
        kept.url = None
        return replies.Answer(status_code, kept, {"Location": f"{_PLACE}/{view.channel.id}"})

    response = await replies.once(request, work)
    shown = msgspec.json.decode(response.content, type=wire.Channel)
    if view is not None:
        shown.url, shown.secret = view.configuration.url, msgspec.UNSET if secret is None else secret
    else:  # a repeated answer; the address is shown as it is now
        with contextlib.suppress(NotFound):
            now = await _channels(request).get(guards.principal(request), parse_id(shown.id))
            shown.url = now.configuration.url
    response.content = msgspec.json.encode(shown)
    response.headers["Cache-Control"] = "no-store"
    return response


def _ids(channel_id: str, delivery_id: str) -> tuple[uuid.UUID, uuid.UUID]:
    return parse_id(channel_id), parse_id(delivery_id, "delivery")


def _wanted(data: wire.ChannelRequest) -> channels.Wanted:
    problems: list[FieldProblem] = []
    job_types = _known(JobType, data.events.job_types, "events.job_types", problems)
    statuses = _known(JobStatus, data.events.statuses, "events.statuses", problems)
    if problems:
        raise InvalidSpec(problems)
    return channels.Wanted(
        name=data.name,
        kind=ChannelKind(data.kind.value),
        url=data.url,
        recipients=tuple(data.recipients),
        job_types=tuple(job_types),
        statuses=tuple(statuses),
        clusters=tuple(data.events.clusters),
        enabled=data.enabled,
    )


def _known[E: enum.StrEnum](
    kind: type[E], texts: list[str], field: str, problems: list[FieldProblem]
) -> list[E]:
    found = []
    for index, text in enumerate(texts):
        try:
            found.append(kind(text))
        except ValueError:
            problems.append(FieldProblem(f"{field}.{index}", "must be one of: " + ", ".join(kind)))
    return found


def _channel(view: ChannelView) -> wire.Channel:
    channel = view.channel
    return wire.Channel(
        id=str(channel.id),
        name=channel.name,
        kind=channel.kind,
        enabled=channel.enabled,
        url=view.configuration.url,
        recipients=list(view.configuration.recipients),
        events=wire.Events(
            job_types=list(channel.event_filter.job_types),
            statuses=list(channel.event_filter.statuses),
            clusters=[str(cluster) for cluster in channel.event_filter.clusters],
        ),
        deliveries=wire.DeliveryCounts(**view.counts),
        created_by=channel.created_by_email,
        created_at=channel.created_at,
        updated_at=channel.updated_at,
    )


def _delivery(delivery: Delivery) -> wire.Delivery:
    return wire.Delivery(
        id=str(delivery.id),
        channel_id=str(delivery.channel_id),
        event=delivery.event,
        job_id=str(delivery.job_id) if delivery.job_id else None,
        status=delivery.status,
        tries=[msgspec.convert(each, wire.DeliveryTry, from_attributes=True) for each in delivery.tries],
        next_try_at=delivery.next_try_at,
        created_at=delivery.created_at,
        delivered_at=delivery.delivered_at,
    )


def _queued(message: str, delivery: Delivery) -> replies.Answer:
    place = f"{_PLACE}/{delivery.channel_id}/deliveries/{delivery.id}"
    reply = wire.DeliveryQueued(message=message, delivery_id=str(delivery.id))
    return replies.Answer(202, reply, {"Location": place})


router = Router(
    _PLACE,
    route_handlers=[
        list_channels,
        create,
        get_channel,
        replace,
        switch,
        delete_channel,
        rotate_secret,
        test,
        list_deliveries,
        get_delivery,
        redeliver,
    ],
    tags=["Notification channels"],
)
