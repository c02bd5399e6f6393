"""Password resets by mail: a random token, kept as a hash, good once and for half an hour.

Whether an account exists, nobody learns from a request: the answer comes before the account is looked for.
What can be told at once is told to everybody: that the mail server is not there.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
import uuid
from datetime import timedelta

import structlog

from engine.clients import smtp
from engine.clients.errors import NotDelivered
from engine.domain.errors import FieldProblem, InvalidSpec, KeelyardError, Unauthenticated
from engine.services import audit_log, staff
from engine.services.directory import User
from engine.services.identities import Identities
from engine.services.identity import Caller
from engine.services.notice_settings import NoticeSettings
from engine.store import database, locks, records
from engine.store import password_resets as store

LIFETIME = timedelta(minutes=30)
MAILS_PER_HOUR = 5  # to one account: nobody's mailbox is to be filled by others
WAITS = (0.0, 3.0, 20.0)  # seconds before each try to send a mail
MOST_WAITING = 200
AT_ONCE = 4  # connections to the mail server for each purpose
CLOSE_SECONDS = 5.0

_TOKEN = re.compile(r"[A-Za-z0-9_-]{20,128}")

log = structlog.get_logger("password-resets")


class MailUnavailable(KeelyardError):
    """No mail can be sent now, whoever asks."""

    def __init__(self) -> None:
        super().__init__(
            "Mail cannot be sent at the moment.", remedy="Try again later, or ask an administrator."
        )


class PasswordResets:
    """Mails tokens and takes them."""

    def __init__(self, identities: Identities, settings: NoticeSettings) -> None:
        self._directory = identities.directory
        self._provider = identities.provider
        self._mail = settings.mail
        self._public_url = settings.public_url
        self._probing = asyncio.Semaphore(AT_ONCE)
        self._sending = asyncio.Semaphore(AT_ONCE)
        self._under_way: set[asyncio.Task[None]] = set()

    async def request(self, email: str, caller: Caller) -> None:
        """See to it that the account of this address, if there is one, gets a mail with a token.

        Raises InvalidSpec for what is no address, and MailUnavailable whether or not there is an account.
        """
        email = staff.require_email(email)
        await self._require_mail()
        await audit_log.record(
            caller, "password-reset:request", audit_log.Resource("account", "", email), actor=email
        )
        task = asyncio.create_task(self._handle(email, caller))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def confirm(self, token: str, new_password: str, caller: Caller) -> None:
        """Change the password of a token's account and end its sessions and its other tokens.

        Raises InvalidSpec for what can be no token or no password, and Unauthenticated for a token that is
        unknown, used or expired.
        """
        problems = [] if _TOKEN.fullmatch(token) else [FieldProblem("token", "is not a reset token")]
        problems += staff.wrong_password(new_password, "new_password")
        if problems:
            raise InvalidSpec(problems)
        token_hash = _hash(token)
        async with database.transaction():
            found = await store.usable(token_hash)
            if found is not None:
                # Two tokens of one account at once: the second one finds itself used.
                await locks.until_commit(f"keelyard:password-reset:{found.account_id}")
                found = await store.usable(token_hash)
            user = None if found is None else await self._directory.get(found.account_id)
            if found is None or user is None or not user.enabled or user.email != found.email:
                raise Unauthenticated(
                    "The reset token is unknown, used or expired.", remedy="Ask for another one."
                )
            await store.end_all(user.id)
            await self._directory.set_password(user.id, new_password)
            await self._provider.end_sessions(user.id)
            await _record(caller, "password-reset:confirm", user)

    async def settled(self) -> None:
        """Wait until every mail under way was sent or given up."""
        while self._under_way:
            await asyncio.wait(self._under_way)

    async def close(self) -> None:
        """Give mails under way a moment, then give them up."""
        if not self._under_way:
            return
        _, late = await asyncio.wait(self._under_way, timeout=CLOSE_SECONDS)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def _require_mail(self) -> None:
        if self._mail is None:
            log.error("no password reset without mail: SMTP_URL is not set")
            raise MailUnavailable
        if len(self._under_way) >= MOST_WAITING:
            log.error("too many password resets wait for the mail server")
            raise MailUnavailable
        try:
            async with self._probing:
                await smtp.probe(self._mail)
        except NotDelivered as error:
            log.error("no password reset without mail", error=error.message)  # noqa: TRY400
            raise MailUnavailable from error

    async def _handle(self, email: str, caller: Caller) -> None:
        """What happens after the answer."""
        try:
            user = await self._directory.find(email)
            if user is not None and user.enabled:
                await self._mail_token(user, caller)
        except NotDelivered as error:
            log.warning("password reset mail was not taken", error=error.message)
        except Exception as error:  # noqa: BLE001 - nobody waits for this task
            log.error("password reset failed", error=str(error), kind=type(error).__name__)  # noqa: TRY400

    async def _mail_token(self, user: User, caller: Caller) -> None:
        if not smtp.is_address(user.email):
            await _record(
                caller, "password-reset:mail", user, status=audit_log.FAILED, reason="no mail address"
            )
            return
        token = secrets.token_urlsafe(32)
        async with database.transaction():
            await locks.until_commit(f"keelyard:password-reset:{user.id}")
            now = records.now()
            if await store.made_since(user.id, now - timedelta(hours=1)) >= MAILS_PER_HOUR:
                await _record(
                    caller, "password-reset:mail", user, status=audit_log.REFUSED, reason="too many this hour"
                )
                return
            reset = store.PasswordReset(
                account_id=user.id,
                email=user.email,
                token_hash=_hash(token),
                created_at=now,
                expires_at=now + LIFETIME,
            )
            await store.add(reset)
        mail = smtp.Mail(
            recipients=(user.email,),
            subject="[keelyard] password reset",
            text=_text(user.email, token, self._public_url),
            message_id=str(uuid.uuid4()),
        )
        try:
            await self._send(mail)
        except NotDelivered:
            await _record(
                caller, "password-reset:mail", user, status=audit_log.FAILED, reason="the mail was not taken"
            )
            raise
        await _record(caller, "password-reset:mail", user)

    async def _send(self, mail: smtp.Mail) -> None:
        assert self._mail is not None
        for number, wait in enumerate(WAITS, start=1):
            await asyncio.sleep(wait)
            try:
                async with self._sending:
                    await smtp.send(self._mail, mail)
            except NotDelivered:
                if number == len(WAITS):
                    raise
            else:
                return


def _hash(token: str) -> str:
    """What is kept of a token. It is random, so a plain hash is enough."""
    return hashlib.sha256(b"keelyard password reset\0" + token.encode()).hexdigest()


async def _record(
    caller: Caller, action: str, user: User, *, status: str = audit_log.SUCCESS, reason: str = ""
) -> None:
    await audit_log.record(
        caller,
        action,
        audit_log.Resource("account", str(user.id), user.email),
        status=status,
        actor=user.email,
        details={"reason": reason} if reason else None,
    )


def _text(email: str, token: str, public_url: str) -> str:
    minutes = int(LIFETIME.total_seconds() // 60)
    return f"""Somebody asked for a new password for the Keelyard account
{email}.

Reset token:

    {token}

It works once, within {minutes} minutes, like this:

    POST {public_url}/control-plane/auth/password-reset/confirm
    {{"token": "THE TOKEN", "new_password": "A NEW PASSWORD"}}

If it was not you, do nothing: without this token nothing changes.
"""
