"""What tests of the control plane's contract share."""

from __future__ import annotations

import re
from typing import Any

import httpx

from tests.contract.harness import PASSWORD, Api

LOGIN = "/control-plane/auth/login"
ME = "/control-plane/staff/me"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def data(answer: httpx.Response, status: int = 200) -> dict[str, Any]:
    """What a success wraps; the wrapping is checked."""
    body = answer.json()
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert set(body) == {"success", "data", "timestamp"}
    assert body["success"] is True
    assert TIME.fullmatch(body["timestamp"])
    return body["data"]


def refused(answer: httpx.Response, status: int, code: str) -> str:
    """The message of an error; its shape is checked."""
    body = answer.json()
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert set(body) == {"error", "timestamp"}
    assert set(body["error"]) == {"code", "message", "correlationId"}
    assert body["error"]["code"] == code
    assert body["error"]["correlationId"] == answer.headers["x-request-id"]
    assert TIME.fullmatch(body["timestamp"])
    return str(body["error"]["message"])


async def signed_in(api: Api, email: str, password: str = PASSWORD) -> httpx.AsyncClient:
    """A client with a token of this contract's login."""
    session = data(await api.anonymous().post(LOGIN, json={"email": email, "password": password}))
    return api.anonymous(Authorization=f"Bearer {session['token']}")
