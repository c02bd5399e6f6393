"""A forgotten password: a mail with a token, and a new password for it. Needs no sign-in."""

from __future__ import annotations

import httpx
import msgspec

from tui import errors
from tui.answers import checked
from tui.session import Session

_NOT_HERE = "This server cannot send mail for a new password. Ask an administrator: they can set one for you."


class _Told(msgspec.Struct):
    message: str


class _Failure(msgspec.Struct):
    """What an error on the control plane's surface looks like."""

    error: _Told


class PasswordCalls(Session):
    """A forgotten password."""

    async def request_password_reset(self, email: str) -> None:
        """Has a mail sent if there is such an account; the answer never tells. Raises ApiError."""
        try:
            await self._reset("request", {"email": email})
        except (errors.NotThere, errors.ServerFailed) as none:
            raise errors.Refused(_NOT_HERE) from none

    async def confirm_password_reset(self, token: str, new_password: str) -> None:
        """The new password holds from now on, and every session has ended. Raises ApiError."""
        await self._reset("confirm", {"token": token, "new_password": new_password})

    async def _reset(self, step: str, body: dict[str, str]) -> None:
        path = f"/control-plane/auth/password-reset/{step}"
        response = await self._send(self._http.build_request("POST", path, json=body))
        said = _words(response)
        if said and response.is_client_error and response.status_code not in {404, 429}:
            raise errors.Refused(said)
        checked(response)


def _words(response: httpx.Response) -> str:
    try:
        return msgspec.json.decode(response.content, type=_Failure).error.message
    except msgspec.DecodeError:
        return ""
