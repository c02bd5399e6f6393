"""Bodies of the authentication routes."""

from __future__ import annotations

from api.schemas.common import Reply, Request


class Login(Request):
    """A password login."""

    username: str
    password: str
    # The members of an OAuth2 password form that carry no meaning here.
    grant_type: str | None = None
    scope: str | None = None
    client_id: str | None = None
    client_secret: str | None = None


class Refresh(Request):
    """A refresh token to exchange for new tokens; it works once."""

    refresh_token: str


class User(Reply):
    """Who is logged in."""

    id: str
    email: str
    full_name: str
    role: str


class Tokens(Reply):
    """An access token for requests and a refresh token for the next pair."""

    access_token: str
    refresh_token: str
    token_type: str
    expires_in: int
    user: User
