"""Keycloak's token endpoint, keys and login page, over a client of our own.

python-keycloak's OpenID object keeps headers of one call for the next, so that tokens of one user could
travel with the request of another; here every call has its own.
"""

from __future__ import annotations

import html
import re
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec

from engine.domain.errors import KeelyardError, ServiceUnavailable

_TIMEOUT = httpx.Timeout(10.0, connect=5.0)
# A client without a page to come back to; the code that it would be shown is never asked for.
_REDIRECT = "urn:ietf:wg:oauth:2.0:oob"
_FORM = re.compile(r'<form[^>]*\bid="kc-form-login"[^>]*>')
_ACTION = re.compile(r'\baction="([^"]+)"')
_DISABLED = "Account is disabled"


class GrantRefused(KeelyardError):
    """Keycloak gives no tokens; `reason` is its own description."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"Keycloak gives no tokens: {reason}.")
        self.reason = reason


class TokenPair(msgspec.Struct, frozen=True):
    """What Keycloak gives."""

    access_token: str
    refresh_token: str
    expires_in: int  # seconds

    def __repr__(self) -> str:
        return "TokenPair(...)"

    __str__ = __repr__


class KeycloakClient:
    """One realm, as one confidential client of it."""

    def __init__(self, url: str, realm: str, client_id: str, client_secret: str) -> None:
        self._base = f"{url.rstrip('/')}/realms/{realm}/protocol/openid-connect"
        self._credentials = {"client_id": client_id, "client_secret": client_secret}
        self._http = httpx.AsyncClient(timeout=_TIMEOUT, follow_redirects=False)

    async def close(self) -> None:
        """Give up connections."""
        await self._http.aclose()

    async def password_grant(self, username: str, password: str) -> TokenPair:
        """Tokens for a password; raises GrantRefused and ServiceUnavailable."""
        return await self._tokens(grant_type="password", username=username, password=password)

    async def refresh_grant(self, refresh_token: str) -> TokenPair:
        """Tokens for a refresh token; raises GrantRefused and ServiceUnavailable."""
        return await self._tokens(grant_type="refresh_token", refresh_token=refresh_token)

    async def keys(self) -> dict[str, Any]:
        """The realm's public keys (a JWK set); raises ServiceUnavailable."""
        response = await self._send(self._http.build_request("GET", f"{self._base}/certs"))
        found = _json(response)
        if response.status_code != httpx.codes.OK or not isinstance(found.get("keys"), list):
            raise ServiceUnavailable(
                f"Keycloak answers {response.status_code} where its keys should be.",
                remedy="Check KEYCLOAK_URL and KEYCLOAK_REALM.",
            )
        return found

    async def tells_disabled(self, username: str, password: str) -> bool:
        """Whether the login page says that the account is disabled: after the right password only.

        The password grant says so before it looks at the password. Keycloak is asked in English; a theme that
        says it in other words is not understood. Raises ServiceUnavailable.
        """
        query = {
            "client_id": self._credentials["client_id"],
            "redirect_uri": _REDIRECT,
            "response_type": "code",
            "scope": "openid",
            "ui_locales": "en",
        }
        page = await self._send(self._http.build_request("GET", f"{self._base}/auth", params=query))
        form = _FORM.search(page.text)
        action = _ACTION.search(form.group()) if form else None
        if action is None:
            return False
        # The password goes to the address that we were configured with, whatever the page says.
        place = urlsplit(html.unescape(action.group(1)))
        target = httpx.URL(self._base).copy_with(raw_path=f"{place.path}?{place.query}".encode())
        cookies = "; ".join(cookie.partition(";")[0] for cookie in page.headers.get_list("set-cookie"))
        answer = await self._send(
            self._http.build_request(
                "POST",
                target,
                data={"username": username, "password": password},
                headers={"Cookie": cookies},
            )
        )
        return answer.status_code == httpx.codes.OK and _DISABLED in answer.text

    async def _tokens(self, **form: str) -> TokenPair:
        request = self._http.build_request("POST", f"{self._base}/token", data={**self._credentials, **form})
        response = await self._send(request)
        found = _json(response)
        if response.status_code == httpx.codes.OK:
            try:
                return msgspec.convert(found, TokenPair)
            except msgspec.ValidationError as error:
                raise ServiceUnavailable("Keycloak answers something else than tokens.") from error
        if response.status_code in {400, 401} and found.get("error") == "invalid_grant":
            raise GrantRefused(str(found.get("error_description", "")))
        raise ServiceUnavailable(
            f"Keycloak refuses to be asked for tokens: {response.status_code} "
            f"{str(found.get('error_description') or found.get('error') or '')[:200]}.",
            remedy="Check KEYCLOAK_REALM, KEYCLOAK_CLIENT_ID, KEYCLOAK_CLIENT_SECRET and that the client has "
            "direct access grants.",
        )

    async def _send(self, request: httpx.Request) -> httpx.Response:
        try:
            response = await self._http.send(request)
        except httpx.HTTPError as error:
            raise unreachable(error) from error
        finally:
            self._http.cookies.clear()  # what one person is given never goes with another's request
        if response.is_server_error:
            raise ServiceUnavailable(
                f"Keycloak answers {response.status_code}.", remedy="Ask again in a moment."
            )
        return response


def unreachable(error: Exception) -> ServiceUnavailable:
    """What a Keycloak that does not answer is told as."""
    return ServiceUnavailable(
        f"Keycloak does not answer: {type(error).__name__}.", remedy="Ask again in a moment."
    )


def _json(response: httpx.Response) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(response.content)
    except msgspec.DecodeError:
        return {}
    return found if isinstance(found, dict) else {}
