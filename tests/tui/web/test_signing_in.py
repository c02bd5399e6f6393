"""Who may see the browser terminal, and what its pages tell browsers to refuse."""

from __future__ import annotations

import re

import aiohttp
import pytest

from tests.contract import harness
from tests.tui.web.front import Front, fronting, proxying, token
from tui.web.attempts import PER_MINUTE
from tui.web.settings import networks

NOBODYS_API = "http://127.0.0.1:9"  # the discard port: nothing answers


async def test_whoever_is_not_signed_in_sees_the_login_page_and_nothing_else():
    async with fronting(NOBODYS_API) as front:
        browser = front.browser()
        for path, goal in [("/", ""), ("/clusters", "?next=clusters"), ("/jobs/1", "?next=jobs%2F1")]:
            status, text, headers = await browser.get(path)
            assert (status, text, headers["Location"]) == (303, "", f"/login{goal}")
        for path in ["/static/textual.js", "/static/no.js", "/download/abc", "/ws/token/clusters"]:
            status, text, _ = await browser.get(path)
            assert (status, "Sign in first." in text) == (401, True), path
        assert (await browser.post("/logout"))[0] == 401
        assert (await browser.get("/favicon.ico"))[2]["Location"] == "/login"
        assert (await browser.get("/health"))[:2] == (200, '{"status": "ok"}')

        status, text, headers = await browser.get("/login?next=//evil.example")
        assert status == 200
        assert "<script" not in text
        _is_guarded(headers, text)
        assert re.search(r"http-equiv|https?://", text) is None
        cookie = headers["Set-Cookie"]
        assert all(word in cookie for word in ("HttpOnly", "SameSite=Strict", "Path=/"))


def _is_guarded(headers: dict[str, str], text: str) -> None:
    policy = headers["Content-Security-Policy"]
    nonce = re.search(r"'nonce-([^']+)'", policy)
    assert nonce is not None
    assert nonce[1] in text
    assert policy.startswith("default-src 'none'; script-src 'self'; ")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-store"
    assert "Server" not in headers


async def test_a_form_of_another_page_signs_nobody_in():
    async with fronting(NOBODYS_API) as front:
        browser = front.browser()
        good = await browser.form()

        assert (await browser.sign_in(origin="https://evil.example"))[0] == 403
        assert (await browser.sign_in(origin="null"))[0] == 403
        status, text, _ = await browser.sign_in(token="forged")
        assert (status, "The form was too old" in text) == (403, True)
        other = front.browser()
        assert (await other.post("/login", token=good, email="a", password="b"))[0] == 403
        status, text, _ = await browser.sign_in(email="<b>ana")
        assert (status, "No answer from" in text, "<b>ana" in text) == (503, True, False)


async def test_too_many_attempts_have_to_wait():
    async with fronting(NOBODYS_API) as front:
        browser = front.browser()
        for _ in range(PER_MINUTE):
            assert (await browser.sign_in())[0] == 503

        status, text, headers = await browser.sign_in()

        assert (status, "Too many attempts" in text) == (429, True)
        assert 0 < int(headers["Retry-After"]) <= 60
        assert (await browser.post("/login", token="x" * (17 << 10)))[0] == 413


async def test_a_link_from_elsewhere_is_followed_by_our_own_page():
    async with fronting(NOBODYS_API, public_url="https://yard.example/tui/") as front:
        browser = front.browser()

        status, text, headers = await browser.get("/jobs/7", **{"Sec-Fetch-Site": "cross-site"})

        assert (status, 'content="0;url=/tui/jobs/7"' in text) == (200, True)
        assert headers["Strict-Transport-Security"]
        assert (await browser.get("/jobs/7", **{"Sec-Fetch-Site": "same-origin"}))[0] == 303


async def test_a_sign_in_lasts_until_it_is_ended_and_opens_only_ones_own_pages(api: harness.Api):
    async with fronting(api.url) as front:
        browser = front.browser()
        status, text, _ = await browser.sign_in(password="wrong")
        assert (status, "password is incorrect" in text) == (401, True)

        status, _, headers = await browser.sign_in(next="//evil.example")
        assert (status, headers["Location"]) == (303, "/dashboard")
        cookie = headers["Set-Cookie"]
        assert all(word in cookie for word in ("HttpOnly", "SameSite=Strict", "Path=/"))
        assert "Secure" not in cookie
        lender = next(iter(front.server.sign_ins._by_cookie.values())).lender
        tokens = await lender.tokens()
        assert tokens.access_token not in cookie

        page = await browser.get("/clusters/new")
        assert page[0] == 200
        assert f"{harness.ADMIN} · admin" in page[1]
        _is_guarded(page[2], page[1])
        assert re.search(r'(src|href|action)="https?:', page[1]) is None
        assert (await browser.get("/login"))[2]["Location"] == "/dashboard"
        assert (await browser.get("/no-such-thing"))[0] == 404
        assert (await browser.get("/static/../server.py"))[0] == 404
        assert (await browser.get("/static/%2e%2e%2fserver.py"))[0] == 404
        for name in ("textual.js", "page.js", "page.css", "xterm.css", "roboto-mono.ttf"):
            async with browser.http.get(f"{front.url}/static/{name}") as answer:
                assert (answer.status, answer.headers["Cache-Control"]) == (200, "private, no-cache")
        await _nobody_else_opens_a_terminal(front, browser, token(page))

        assert (await browser.post("/logout", token="forged"))[0] == 403
        assert (await browser.post("/logout", token=token(page), origin="https://evil.example"))[0] == 403
        status, _, headers = await browser.post("/logout", token=token(page))
        assert (status, headers["Location"]) == (303, "/login")
        assert (await browser.get("/clusters"))[0] == 303
        with_token = api.anonymous(Authorization=f"Bearer {tokens.access_token}")
        assert (await with_token.get("/api/v1/auth/me")).status_code == 401


async def _nobody_else_opens_a_terminal(front: Front, browser, good: str) -> None:
    stranger = front.browser()
    for who, origin, given, status in [
        (browser, "https://evil.example", good, 403),
        (browser, browser.origin, "forged", 403),
        (stranger, browser.origin, good, 401),
    ]:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await who.http.ws_connect(
                f"{front.url}/ws/{given}/clusters", headers={"Origin": origin} if origin else {}
            )
        assert refused.value.status == status


@pytest.mark.parametrize("strip", [True, False], ids=["path taken away", "path passed on"])
async def test_everything_stays_under_its_path_behind_a_proxy(api: harness.Api, strip: bool):
    async with (
        fronting(
            api.url, public_url="https://yard.example/tui/", trusted_proxies=networks("127.0.0.1")
        ) as front,
        proxying(front.url, at="/tui", strip=strip) as proxy,
    ):
        browser = front.browser(proxy)
        status, _, headers = await browser.get("/clusters")
        assert (status, headers["Location"]) == (303, "/tui/login?next=clusters")

        status, _, headers = await browser.sign_in(next="clusters")
        assert (status, headers["Location"]) == (303, "/tui/clusters")
        cookie = headers["Set-Cookie"]
        assert all(word in cookie for word in ("Secure", "Path=/tui", "HttpOnly", "SameSite=Strict"))
        page = await browser.get("/clusters")
        places = re.findall(r'(?:src|href|action|data-socket)="([^"]+)"', page[1])
        assert [place for place in places if not place.startswith("/tui/")] == ["data:,"]
        assert "wss://yard.example" in page[2]["Content-Security-Policy"]
        assert (await browser.get("/static/page.js"))[0] == 200
        sign_in = next(iter(front.server.sign_ins._by_cookie.values()))
        assert sign_in.lender.client_address == "198.51.100.23"
        if strip:
            return  # one terminal through a proxy is enough
        async with browser.terminal() as terminal:
            await terminal.sees("clusters")
            await terminal.press("q")
            assert (await terminal.ended())[0] == 4000
