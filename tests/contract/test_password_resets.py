"""/control-plane/auth/password-reset: tokens by mail, over a real SMTP server, that work once."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from email import message_from_bytes, policy
from typing import Any

import asyncpg
import pytest
import structlog

from engine.clients import smtp
from engine.domain.statuses import Role
from engine.services import password_resets
from engine.services.directory import UserChange
from engine.services.identity import Caller
from engine.store import database
from tests.contract.control_plane import LOGIN, ME, data, refused, signed_in
from tests.contract.harness import ADMIN, PASSWORD, Api, of_keycloak, serving, settings
from tests.contract.test_canaries import everything
from tests.integration.workplace import until
from tests.standins.keycloak_server import KeycloakServer
from tests.standins.receivers import MailServer

REQUEST = "/control-plane/auth/password-reset/request"
CONFIRM = "/control-plane/auth/password-reset/confirm"
VERA = "vera@example.com"
NEW = "NewPassword123!"
SENT = {"message": "Password reset email sent if account exists"}


class Post:
    """The mail server, and what it took."""

    def __init__(self, server: MailServer) -> None:
        self.server = server

    @property
    def settings(self) -> dict[str, str]:
        return {
            "smtp_url": f"smtp://127.0.0.1:{self.server.port}?tls=none",
            "mail_from": "keelyard@yard.example",
            "public_url": "https://yard.example",
        }

    async def mail(self, number: int = 1) -> Any:
        """The newest message, once there are so many."""

        async def arrived() -> bool:
            return len(self.server.messages) >= number

        await until(arrived, f"mail {number}")
        return message_from_bytes(self.server.messages[number - 1][1], policy=policy.default)

    async def token(self, number: int = 1) -> str:
        """The token of a message."""
        text = (await self.mail(number)).get_content()
        return text.partition("Reset token:")[2].split()[0]


@pytest.fixture
async def post() -> AsyncIterator[Post]:
    async with MailServer(tls=None).listening() as server:
        yield Post(server)


@pytest.fixture
async def mailing(database_url: str, post: Post) -> AsyncIterator[Api]:
    """A server that can send mail, and an account on it."""
    async with serving(settings(database_url, **post.settings)) as api:
        await api.account(Role.VIEWER, VERA)
        yield api


async def _says_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()  # until the other side has given up
    writer.close()


@pytest.fixture
async def keycloak_mailing(database_url: str, post: Post, keycloak: KeycloakServer) -> AsyncIterator[Api]:
    """The same with accounts in Keycloak."""
    used = settings(database_url, **post.settings, **of_keycloak(keycloak))
    async with serving(used) as api:
        await api.account(Role.VIEWER, VERA)
        yield api


@pytest.fixture(params=["local", "keycloak"])
def any_mailing(request: pytest.FixtureRequest) -> Api:
    """A server that can send mail, with either provider."""
    return request.getfixturevalue("mailing" if request.param == "local" else "keycloak_mailing")


async def ask(api: Api, email: str = VERA) -> None:
    assert data(await api.anonymous().post(REQUEST, json={"email": email})) == SENT


async def confirm(api: Api, token: str, password: str = NEW) -> Any:
    return await api.anonymous().post(CONFIRM, json={"token": token, "new_password": password})


async def test_a_mailed_token_changes_the_password_and_ends_all_sessions(
    any_mailing: Api, post: Post
) -> None:
    mailing = any_mailing
    before = await mailing.login(VERA)
    session = await signed_in(mailing, VERA)
    data(await session.get(ME))
    await ask(mailing, VERA.upper())
    message = await post.mail()

    done = data(await confirm(mailing, await post.token()))

    assert done == {"message": "Password updated successfully"}
    assert post.server.messages[0][0] == [VERA]
    assert (message["From"], message["To"]) == ("keelyard@yard.example", VERA)
    assert "https://yard.example/control-plane/auth/password-reset/confirm" in message.get_content()
    data(await (await signed_in(mailing, VERA, NEW)).get(ME))
    old = await mailing.anonymous().post(LOGIN, json={"email": VERA, "password": PASSWORD})
    refused(old, 401, "Unauthorized")
    refused(await session.get(ME), 401, "Unauthorized")
    refreshed = {"refresh_token": before["refresh_token"]}
    assert (await mailing.anonymous().post("/api/v1/auth/refresh", json=refreshed)).status_code == 401


async def test_a_token_works_once_and_takes_the_others_of_the_account_with_it(
    mailing: Api, post: Post
) -> None:
    await ask(mailing)
    first = await post.token(1)
    await ask(mailing)
    second = await post.token(2)
    await ask(mailing, ADMIN)
    somebody_elses = await post.token(3)

    data(await confirm(mailing, first))

    refused(await confirm(mailing, first), 401, "Unauthorized")
    refused(await confirm(mailing, second), 401, "Unauthorized")
    data(await confirm(mailing, somebody_elses))


async def test_of_two_tokens_at_once_one_works(mailing: Api, post: Post) -> None:
    for _ in range(3):
        await ask(mailing)
    tokens = [await post.token(number) for number in (1, 2, 3)]

    answers = await asyncio.gather(*(confirm(mailing, token) for token in [*tokens, *tokens]))

    assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401, 401, 401]


async def test_an_expired_token_is_401(mailing: Api, post: Post) -> None:
    await ask(mailing)
    token = await post.token()
    found = await database.fetch_one("SELECT expires_at - created_at AS lifetime FROM password_reset")
    assert found is not None
    assert found["lifetime"].total_seconds() == 30 * 60
    await database.fetch("UPDATE password_reset SET expires_at = now()")

    refused(await confirm(mailing, token), 401, "Unauthorized")


async def test_a_token_is_void_once_its_account_is_disabled_renamed_or_gone(
    any_mailing: Api, post: Post
) -> None:
    mailing = any_mailing
    await ask(mailing)
    token = await post.token()
    vera = await mailing.users.find(VERA)

    await mailing.users.set_enabled(vera.id, Caller(), enabled=False)
    refused(await confirm(mailing, token), 401, "Unauthorized")
    await mailing.users.update(vera.id, UserChange(email="other@example.com", enabled=True), Caller())
    refused(await confirm(mailing, token), 401, "Unauthorized")
    await mailing.users.delete(vera.id, Caller())
    refused(await confirm(mailing, token), 401, "Unauthorized")


async def test_unknown_tokens_are_401_and_what_does_not_fit_is_400(mailing: Api, post: Post) -> None:
    await ask(mailing)
    token = await post.token()

    for unknown in ("reset-token-from-email", "a" * 43, token[:-1], token + "a"):
        refused(await confirm(mailing, unknown), 401, "Unauthorized")
    for malformed in ("", "short", "not a token, whatever it is", "ä" * 43, "a" * 129, "a" * 42 + "\n"):
        assert refused(await confirm(mailing, malformed), 400, "ValidationError").startswith("token: ")
    for weak in ("", "Short1!", "Aa1!" * 33, "no-upper-case-1", "NoSpecialCharacter1"):
        message = refused(await confirm(mailing, token, weak), 400, "ValidationError")
        assert message.startswith("new_password: ")
    for body in ({}, {"token": token}, {"new_password": NEW}, {"token": 1, "new_password": NEW}, []):
        refused(await mailing.anonymous().post(CONFIRM, json=body), 400, "ValidationError")
    # None of these has used the token up.
    data(await confirm(mailing, token))


async def test_what_is_no_address_is_400(mailing: Api) -> None:
    for body in (
        {"email": "nobody"},
        {"email": "a b@example.com"},
        {"email": None},
        {},
        {"email": VERA, "x": 1},
    ):
        refused(await mailing.anonymous().post(REQUEST, json=body), 400, "ValidationError")


async def test_the_answer_does_not_wait_for_the_account_to_be_looked_for(mailing: Api, post: Post) -> None:
    """Nothing that depends on the account has been done when the answer is there, so time cannot tell."""
    holder = await asyncpg.connect(mailing.settings.database_url)
    try:
        async with holder.transaction():
            await holder.execute("LOCK TABLE account, password_reset IN ACCESS EXCLUSIVE MODE")
            known = await mailing.anonymous().post(REQUEST, json={"email": VERA})
            unknown = await mailing.anonymous().post(REQUEST, json={"email": "nobody@example.com"})
            assert post.server.messages == []
    finally:
        await holder.close()
    await post.mail()

    assert data(known) == data(unknown) == SENT
    assert dict(known.headers).keys() == dict(unknown.headers).keys()


async def test_nobody_gets_mail_without_an_account_that_may_come_in(mailing: Api, post: Post) -> None:
    await mailing.account(Role.VIEWER, "olga@example.com")
    olga = await mailing.users.find("olga@example.com")
    await mailing.users.set_enabled(olga.id, Caller(), enabled=False)

    for email in ("nobody@example.com", "olga@example.com", VERA):
        await ask(mailing, email)
    await mailing.stop()  # which waits for mail under way

    assert [recipients for recipients, _ in post.server.messages] == [[VERA]]


async def test_a_mailbox_is_not_filled(mailing: Api, post: Post) -> None:
    for _ in range(password_resets.MAILS_PER_HOUR + 2):
        await ask(mailing)
    admin = await mailing.admin()

    async def handled() -> bool:
        params = {"action": "password-reset:mail"}
        return (await admin.get("/api/v1/audit-logs", params=params)).json()["total"] >= 7

    await until(handled, "every request")
    assert len(post.server.messages) == password_resets.MAILS_PER_HOUR


async def test_without_a_mail_server_everybody_is_told(
    database_url: str, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smtp, "PROBE_SECONDS", 0.2)
    away = post.settings | {"smtp_url": "smtp://127.0.0.1:9?tls=none"}
    silent = await asyncio.start_server(_says_nothing, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    hanging = post.settings | {"smtp_url": f"smtp://127.0.0.1:{port}?tls=none"}
    for changes in ({}, away, hanging):
        async with serving(settings(database_url, **changes)) as api:
            told = [
                refused(await api.anonymous().post(REQUEST, json={"email": email}), 500, "InternalError")
                for email in (ADMIN, "nobody@example.com")
            ]
            refused(await api.anonymous().post(REQUEST, json={"email": "nobody"}), 400, "ValidationError")

        assert told[0] == told[1]
        assert "127.0.0.1" not in told[0]
    silent.close()


async def test_a_mail_that_is_not_taken_is_tried_again(
    mailing: Api, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(password_resets, "WAITS", (0.0, 0.0, 0.0))
    taken, refusals = post.server.handle_DATA, ["451 later", "451 later"]

    async def reluctant(*arguments: Any) -> str:
        return refusals.pop() if refusals else await taken(*arguments)

    monkeypatch.setattr(post.server, "handle_DATA", reluctant)
    await ask(mailing)

    data(await confirm(mailing, await post.token()))


async def test_requests_are_limited_in_the_bucket_of_logins(database_url: str, post: Post) -> None:
    async with serving(settings(database_url, auth_rate_limit_per_minute=2, **post.settings)) as api:
        refused(await confirm(api, "a" * 43), 401, "Unauthorized")
        await ask(api, "nobody@example.com")
        answer = await api.anonymous().post(REQUEST, json={"email": VERA})

    refused(answer, 429, "RateLimited")


async def test_resets_are_audited_and_tokens_are_nowhere(mailing: Api, post: Post) -> None:
    with structlog.testing.capture_logs([structlog.contextvars.merge_contextvars]) as lines:
        await ask(mailing)
        await ask(mailing, "nobody@example.com")
        token = await post.token()
        unused = "canary-" + "x" * 36
        replies = [
            await confirm(mailing, token, "weak"),
            await confirm(mailing, token + "!"),
            await confirm(mailing, unused),
            await mailing.anonymous().post(CONFIRM, content=f'{{"token": "{token}"'),
            await confirm(mailing, token),
        ]
        admin = await mailing.admin()
        listed = await admin.get("/api/v1/audit-logs", params={"page_size": 100})

    entries = listed.json()["data"]
    told = {
        (entry["actor"], entry["action"], entry["status"], entry["details"].get("status_code"))
        for entry in entries
        if entry["action"].startswith("password-reset:")
    }
    assert told == {
        (VERA, "password-reset:request", "success", None),
        ("nobody@example.com", "password-reset:request", "success", None),
        (VERA, "password-reset:mail", "success", None),
        ("", "password-reset:confirm", "refused", 400),
        ("", "password-reset:confirm", "refused", 401),
        (VERA, "password-reset:confirm", "success", None),
    }
    assert [reply.status_code for reply in replies] == [400, 400, 401, 400, 200]
    stored, logged = await everything(mailing.settings.database_url), "\n".join(str(line) for line in lines)
    assert "/password-reset/confirm" in logged
    for place in (stored, logged, listed.text, *(reply.text for reply in replies)):
        for secret in (token, unused, NEW):
            assert secret not in place


async def test_the_end_of_the_server_does_not_wait_for_ever_for_mail(
    database_url: str, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(password_resets, "CLOSE_SECONDS", 0.1)
    reached = asyncio.Event()

    async def stuck(*_: Any) -> str:
        reached.set()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(3600)
        return "451 gone"

    monkeypatch.setattr(post.server, "handle_DATA", stuck)
    async with serving(settings(database_url, **post.settings)) as api:
        await ask(api, ADMIN)
        await reached.wait()
