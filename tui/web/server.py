"""The browser terminal's routes. Whoever is not signed in sees the login page and nothing else."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from urllib.parse import quote, urlencode

import msgspec
from aiohttp import WSMsgType, web

from tui import errors, nouns
from tui.web import closing, pages, security
from tui.web.attempts import Attempts
from tui.web.lending import Lender
from tui.web.seat import Seat
from tui.web.settings import WebSettings, client_address
from tui.web.sign_ins import Full, SignIn, SignIns

log = logging.getLogger("keelyard.tui.web")

type Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

HOME = "dashboard"
_FORM_BYTES = 16 << 10
_MESSAGE_BYTES = 1 << 20  # a long list of nodes, pasted
_HEARTBEAT_SECONDS = 20.0
_REAP_SECONDS = 15.0
_LARGEST = (1000, 500)  # columns and lines of a terminal
_SIGN_IN: web.RequestKey[SignIn] = web.RequestKey("sign_in", SignIn)


class TerminalServer:
    """One web server for many terminals."""

    def __init__(self, settings: WebSettings) -> None:
        self._settings = settings
        self._address = settings.address
        self._attempts = Attempts()
        self.sign_ins = SignIns(
            seats=settings.seats,
            seats_per_user=settings.seats_per_user,
            idle_seconds=settings.idle_seconds,
        )

    def application(self) -> web.Application:
        """The application, for proxies that pass the path in front on and for those that take it away."""
        application = web.Application(middlewares=[self._guard], client_max_size=_FORM_BYTES)
        for prefix in dict.fromkeys([self._address.prefix, ""]):
            application.add_routes(
                [
                    web.get(f"{prefix}/health", self.health),
                    web.get(f"{prefix}/login", self.login_page),
                    web.post(f"{prefix}/login", self.login),
                    web.post(f"{prefix}/logout", self.logout),
                    web.get(f"{prefix}/static/{{name}}", self.static),
                    web.get(f"{prefix}/download/{{key}}", self.download),
                    web.get(f"{prefix}/ws/{{token}}/{{path:.*}}", self.terminal),
                    web.get(f"{prefix}/{{path:.*}}", self.page),
                ]
            )
        application.on_response_prepare.append(self._secure)
        application.cleanup_ctx.append(self._reaping)
        application.on_shutdown.append(self._stop)
        return application

    # --- around every request ---

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        sign_in = self.sign_ins.find(request.cookies.get(security.SESSION_COOKIE, ""))
        if sign_in is not None:
            request[_SIGN_IN] = sign_in
        elif (asked := request.match_info.handler) not in {self.health, self.login_page, self.login}:
            return self._to_login(request) if asked == self.page else self._refused(request, 401)
        try:
            return await handler(request)
        except web.HTTPException as refused:
            return self._refused(request, refused.status) if refused.status >= 400 else refused

    def _refused(self, request: web.Request, status: int, message: str = "") -> web.Response:
        words = {
            401: "Sign in first.",
            403: "This did not come from a page of the terminal. Open it anew.",
            404: "There is nothing here.",
            405: "There is nothing here.",
            413: "That was too much at once.",
        }
        return pages.page(
            request, self._address, "refused", status, message=message or words.get(status, "Refused.")
        )

    async def _secure(self, request: web.Request, response: web.StreamResponse) -> None:
        security.headers(request, response, self._address)

    async def health(self, request: web.Request) -> web.Response:
        """Whether this process answers; it asks nobody else."""
        return web.json_response({"status": "ok"})

    # --- signing in and out ---

    async def login_page(self, request: web.Request) -> web.StreamResponse:
        """The form; whoever is signed in already goes on."""
        if _SIGN_IN in request:
            return self._see(request.query.get("next", ""))
        lost = security.SESSION_COOKIE in request.cookies
        return self._form(
            request,
            message="Your session has ended, or the server was restarted. Sign in again." if lost else "",
            goal=request.query.get("next", ""),
        )

    async def login(self, request: web.Request) -> web.StreamResponse:
        """Signs in at the API."""
        if not security.is_ours(request, self._address):
            raise web.HTTPForbidden
        form = {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
        email, goal, password = form.get("email", "").strip(), form.get("next", ""), form.get("password", "")
        if not security.is_form_of(request, form.get("token", "")):
            return self._form(
                request, 403, message="The form was too old. Try again.", email=email, goal=goal
            )
        address = self._client(request)
        if (wait := self._attempts.wait(address)) > 0:
            return self._busy(request, wait, email, goal)
        lender = Lender(self._settings.api_url, address, read_only=self._settings.read_only)
        try:
            user = await lender.sign_in(email, password)
        except errors.ApiError as refused:
            await lender.close()
            log.info("sign-in refused", extra={"address": address, "why": type(refused).__name__})
            if isinstance(refused, errors.TooManyRequests):
                return self._busy(request, refused.retry_after_seconds, email, goal)
            away = isinstance(refused, errors.Unreachable | errors.ServerFailed)
            return self._form(request, 503 if away else 401, message=str(refused), email=email, goal=goal)
        if (before := request.get(_SIGN_IN)) is not None:
            await self.sign_ins.end(before)
        _, cookie = await self.sign_ins.begin(lender)
        log.info("signed in", extra={"address": address, "user": user.id})
        answer = self._see(goal)
        security.set_cookie(answer, self._address, security.SESSION_COOKIE, cookie)
        return answer

    async def logout(self, request: web.Request) -> web.StreamResponse:
        """Ends the sign-in here and at the API, and every terminal of it."""
        sign_in = request[_SIGN_IN]
        token = (await request.post()).get("token", "")
        if not security.is_ours(request, self._address) or token != sign_in.csrf_token:
            raise web.HTTPForbidden
        await sign_in.left()
        answer = self._redirect("login")
        answer.del_cookie(security.SESSION_COOKIE, path=self._address.prefix or "/")
        return answer

    def _form(
        self, request: web.Request, status: int = 200, *, message: str = "", email: str = "", goal: str = ""
    ) -> web.Response:
        cookie = request.cookies.get(security.FORM_COOKIE) or security.fresh()
        token = security.form_token(cookie)
        answer = pages.page(
            request, self._address, "login", status, token=token, message=message, email=email, next=goal
        )
        security.set_cookie(answer, self._address, security.FORM_COOKIE, cookie, security.FORM_SECONDS)
        return answer

    def _busy(self, request: web.Request, wait: float, email: str, goal: str) -> web.Response:
        seconds = max(1, round(wait))
        message = f"Too many attempts. Try again in {seconds} s."
        answer = self._form(request, 429, message=message, email=email, goal=goal)
        answer.headers["Retry-After"] = str(seconds)
        return answer

    def _to_login(self, request: web.Request) -> web.Response:
        path = request.match_info["path"]
        known = nouns.opened(path) is not None
        if known and request.headers.get("Sec-Fetch-Site") == "cross-site":
            # A link in a mail: the browser keeps the cookie back from it, and not from our own page.
            return pages.page(request, self._address, "onward", path=quote(path.strip("/")))
        return self._redirect("login?" + urlencode({"next": path}) if known else "login")

    def _see(self, goal: str) -> web.Response:
        """To a place of the terminal; never anywhere else."""
        return self._redirect(quote(goal.strip("/")) if nouns.opened(goal) else HOME)

    def _redirect(self, place: str) -> web.Response:
        return web.Response(status=303, headers={"Location": f"{self._address.prefix}/{place}"})

    def _client(self, request: web.Request) -> str:
        forwarded = ",".join(request.headers.getall("X-Forwarded-For", []))
        return client_address(request.remote or "", forwarded, self._settings.trusted_proxies)

    # --- the terminal ---

    async def page(self, request: web.Request) -> web.StreamResponse:
        """The frame of a terminal that opens at this path."""
        path = request.match_info["path"]
        if not path:
            return self._see(HOME)
        if nouns.opened(path) is None and path != HOME:
            raise web.HTTPNotFound
        sign_in = request[_SIGN_IN]
        return pages.page(
            request,
            self._address,
            "terminal",
            user=sign_in.user,
            token=sign_in.csrf_token,
            path=quote(path.strip("/")),
        )

    async def static(self, request: web.Request) -> web.StreamResponse:
        """What the page is made of."""
        return pages.asset(request.match_info["name"])

    async def download(self, request: web.Request) -> web.StreamResponse:
        """A file that one of the user's own terminals offers, once."""
        key = request.match_info["key"]
        seat = next((seat for seat in request[_SIGN_IN].seats if key in seat.downloads), None)
        if seat is None:
            raise web.HTTPNotFound
        answer = web.StreamResponse()
        answer.content_type = "application/octet-stream"
        answer.headers["Content-Disposition"] = (
            f"attachment; filename*=UTF-8''{quote(seat.downloads[key].name)}"
        )
        await answer.prepare(request)
        # An app that stops sending breaks the connection, so that the browser does not take half for all.
        async for piece in seat.delivered(key):
            await answer.write(piece)
        await answer.write_eof()
        return answer

    async def terminal(self, request: web.Request) -> web.StreamResponse:
        """The connection of a tab, and the process behind it."""
        sign_in = request[_SIGN_IN]
        path = request.match_info["path"]
        ours = security.is_ours(request, self._address) and request.match_info["token"] == sign_in.csrf_token
        if not ours or (nouns.opened(path) is None and path != HOME):
            raise web.HTTPForbidden
        websocket = web.WebSocketResponse(
            heartbeat=_HEARTBEAT_SECONDS, timeout=2.0, max_msg_size=_MESSAGE_BYTES
        )
        await websocket.prepare(request)
        await self.sign_ins.whole(self._serve(sign_in, websocket, path, request))
        return websocket

    async def _serve(
        self, sign_in: SignIn, websocket: web.WebSocketResponse, path: str, request: web.Request
    ) -> None:
        try:
            async with self.sign_ins.room(sign_in.user.id):
                await self._sit(sign_in, websocket, path, request)
        except Full as full:
            await closing.full(str(full)).tell(websocket)
        except errors.SessionEnded as ended:
            await sign_in.ended(str(ended))
            await closing.ENDED.tell(websocket)
        except errors.ApiError as failed:
            await closing.away(str(failed)).tell(websocket)

    async def _sit(
        self, sign_in: SignIn, websocket: web.WebSocketResponse, path: str, request: web.Request
    ) -> None:
        seat = Seat(sign_in, websocket, path, self.sign_ins.clock)
        sign_in.seats.add(seat)
        try:
            await seat.start(*_size(request.query.get("width"), request.query.get("height")))
            told = {"user": sign_in.user.id, "pid": seat.pid, "address": self._client(request)}
            log.info("terminal opened", extra=told)
            await self._relay(sign_in, seat, websocket)
            log.info("terminal closed", extra=told | {"code": websocket.close_code})
        finally:
            sign_in.seats.discard(seat)
            await seat.stop()

    async def _relay(self, sign_in: SignIn, seat: Seat, websocket: web.WebSocketResponse) -> None:
        async for message in websocket:
            if message.type is not WSMsgType.TEXT:
                continue
            try:
                kind, *told = msgspec.json.decode(message.data, type=list[object])
            except (msgspec.DecodeError, ValueError):
                continue
            match kind, told:
                case "stdin", [str() as typed]:
                    seat.touched = sign_in.touched = self.sign_ins.clock()
                    await seat.send_bytes(typed.encode())
                case "resize", [{"width": width, "height": height}]:
                    await seat.set_terminal_size(*_size(width, height))
                case "ping", [str() as sent]:
                    await websocket.send_json(["pong", sent[:32]])
                case "focus", _:
                    await seat.focus()
                case "blur", _:
                    await seat.blur()

    # --- beginning and end ---

    async def _reaping(self, _: web.Application) -> AsyncIterator[None]:
        reaping = asyncio.create_task(self._reap(), name="reap terminals")
        yield
        reaping.cancel()

    async def _reap(self) -> None:
        while True:
            await asyncio.sleep(min(_REAP_SECONDS, self._settings.idle_seconds / 4))
            try:
                await self.sign_ins.reap()
            except Exception:
                log.exception("reaping failed, and goes on")

    async def _stop(self, _: web.Application) -> None:
        await self.sign_ins.close()


def _size(width: object, height: object) -> tuple[int, int]:
    """A size that a terminal may have, whatever was asked for."""

    def within(wanted: object, usual: int, most: int) -> int:
        try:
            return min(max(1, int(str(wanted))), most)
        except ValueError:
            return usual

    return within(width, 80, _LARGEST[0]), within(height, 24, _LARGEST[1])
