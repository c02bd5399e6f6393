"""Users: list, make, look, change, delete; for administrators."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import Response, Router, delete, get, post, put
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from api import guards, replies, state
from api.decoding import Body
from api.replies import PageNumber, PageSize
from api.schemas import users as wire
from api.schemas.common import Page
from engine.domain.permissions import Permission
from engine.domain.statuses import Role
from engine.services.directory import NewUser, User, UserChange, UserFilter
from engine.services.users import Users, parse_id

_PLACE = "/api/v1/users"
_MANAGE = guards.requires(Permission.USER_MANAGE)
_READ = [_MANAGE, guards.known_query]
_RoleFilter = Annotated[
    str | None,
    QueryParameter(name="role", pattern=f"^({'|'.join(Role)})$", description="admin, operator or viewer"),
]
_Search = Annotated[
    str | None,
    QueryParameter(name="search", max_length=200, description="Part of the e-mail address or name"),
]


@get("/", summary="List users", guards=_READ)
async def list_users(
    request: guards.AnyRequest,
    page: PageNumber = 1,
    page_size: PageSize = 20,
    search: _Search = None,
    role: _RoleFilter = None,
    enabled: FromQuery[bool | None] = None,
) -> Response[Page[wire.User]]:
    """By e-mail address."""
    wanted = UserFilter(search=search, role=None if role is None else Role(role), enabled=enabled)
    found, total = await _users(request).page(
        guards.principal(request), wanted, page=page, page_size=page_size
    )
    return replies.page([_user(user) for user in found], total, page, page_size)


@post(
    "/",
    status_code=201,
    summary="Create user",
    dto=Body[wire.UserCreate],
    guards=[_MANAGE],
    opt={"action": "user:create"},
)
async def create(request: guards.AnyRequest, data: JSONBody[wire.UserCreate]) -> Response[wire.User]:
    """Makes an account that can log in at once."""
    guards.name_target(request, data.email)

    async def work() -> replies.Answer:
        wanted = NewUser(
            email=data.email,
            password=data.password,
            roles=frozenset({data.role}),
            full_name=data.full_name,
            enabled=data.enabled,
        )
        made = await _users(request).create(wanted, guards.caller(request))
        return replies.Answer(201, _user(made), {"Location": f"{_PLACE}/{made.id}"})

    return await replies.once(request, work)


@get("/{user_id:str}", summary="Get user", guards=_READ)
async def get_user(request: guards.AnyRequest, user_id: FromPath[str]) -> wire.User:
    """One user."""
    return _user(await _users(request).get(guards.principal(request), parse_id(user_id)))


@put(
    "/{user_id:str}",
    summary="Update user",
    dto=Body[wire.UserUpdate],
    guards=[_MANAGE],
    opt={"action": "user:update"},
)
async def update(
    request: guards.AnyRequest, user_id: FromPath[str], data: JSONBody[wire.UserUpdate]
) -> wire.User:
    """Changes what is given. Whoever is disabled, loses a role or gets a password has to log in again."""
    role = _given(data.role)
    change = UserChange(
        email=_given(data.email),
        full_name=_given(data.full_name),
        roles=None if role is None else frozenset({role}),
        enabled=_given(data.enabled),
    )
    changed = await _users(request).update(
        parse_id(user_id), change, guards.caller(request), password=_given(data.password)
    )
    return _user(changed)


@delete(
    "/{user_id:str}",
    status_code=204,
    summary="Delete user",
    guards=[_MANAGE, guards.known_query],
    opt={"action": "user:delete"},
)
async def delete_user(request: guards.AnyRequest, user_id: FromPath[str]) -> None:
    """The account and its sessions; what it made stays, under its name."""
    await _users(request).delete(parse_id(user_id), guards.caller(request))


def _users(request: guards.AnyRequest) -> Users:
    return state.of(request.app).users


def _given[T](value: T | msgspec.UnsetType) -> T | None:
    return None if isinstance(value, msgspec.UnsetType) else value


def _user(user: User) -> wire.User:
    role = user.highest_role
    return wire.User(
        id=str(user.id),
        email=user.email,
        full_name=user.full_name,
        role=None if role is None else role.value,
        enabled=user.enabled,
        created_at=user.created_at,
        updated_at=user.updated_at,
    )


router = Router(_PLACE, route_handlers=[list_users, create, get_user, update, delete_user], tags=["Users"])
