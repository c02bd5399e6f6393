"""Sends mail through one SMTP server, over TLS unless the settings say otherwise."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import re
import ssl
from collections.abc import AsyncIterator, Iterator
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from urllib.parse import parse_qsl, unquote, urlsplit

import aiosmtplib
import msgspec

from engine.clients.errors import NotDelivered
from engine.domain.errors import MisconfiguredServer

TIMEOUT_SECONDS = 30.0  # for all of it
PROBE_SECONDS = 10.0
GOODBYE_SECONDS = 2.0
_ADDRESS = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250}[A-Za-z0-9])?"
)
_PORTS = {"smtp": 587, "smtps": 465}


class MailServer(msgspec.Struct, frozen=True, kw_only=True):
    """Where mail goes, and from whom. `tls` is `starttls`, `tls` (from the first byte) or `none`."""

    host: str
    port: int
    tls: str
    sender: str
    username: str = ""
    password: str = ""

    def __repr__(self) -> str:
        return f"MailServer({self.host!r}, ...)"

    __str__ = __repr__


class Mail(msgspec.Struct, frozen=True, kw_only=True):
    """A plain message."""

    recipients: tuple[str, ...]
    subject: str
    text: str
    message_id: str  # without the domain; the same for every try, so that a mailbox can tell a repetition


def is_address(text: str) -> bool:
    """Whether a text can be a mail address; one that could end a header line cannot."""
    return len(text) <= 320 and _ADDRESS.fullmatch(text) is not None


def server(url: str, sender: str) -> MailServer | None:
    """The server that SMTP_URL names, None when it is unset.

    `smtp://user:password@host:587` upgrades by STARTTLS, or sends nothing; `smtps://` starts with TLS;
    `smtp://host:25?tls=none` sends in clear. Raises MisconfiguredServer, which never repeats the URL.
    """
    if not url:
        return None
    try:
        parsed = urlsplit(url)
        port = parsed.port or _PORTS[parsed.scheme]
        options = dict(parse_qsl(parsed.query, keep_blank_values=True, strict_parsing=bool(parsed.query)))
    except (ValueError, KeyError) as error:
        raise _misconfigured("does not fit") from error
    tls = options.pop("tls", "tls" if parsed.scheme == "smtps" else "starttls")
    if not parsed.hostname or options or parsed.path not in ("", "/"):
        raise _misconfigured("does not fit")
    if tls not in ({"tls"} if parsed.scheme == "smtps" else {"starttls", "none"}):
        raise _misconfigured("has a tls option that its scheme does not take")
    if tls == "none" and parsed.password and not _is_loopback(parsed.hostname):
        raise _misconfigured("would send a password in clear")
    if not is_address(sender):
        raise MisconfiguredServer("SMTP_URL is set, and MAIL_FROM is not a mail address.")
    return MailServer(
        host=parsed.hostname,
        port=port,
        tls=tls,
        sender=sender,
        username=unquote(parsed.username or ""),
        password=unquote(parsed.password or ""),
    )


async def send(place: MailServer, mail: Mail) -> None:
    """Send a message; raises NotDelivered when the server takes it for none of its recipients."""
    domain = place.sender.rpartition("@")[2]
    message = EmailMessage(policy=SMTP_POLICY)
    message["From"] = place.sender
    message["To"] = ", ".join(mail.recipients)
    message["Subject"] = mail.subject
    message["Message-ID"] = f"<{mail.message_id}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no absence notes, please
    message.set_content(mail.text)
    with _told(place, TIMEOUT_SECONDS):
        async with asyncio.timeout(TIMEOUT_SECONDS), _client(place) as client:
            await client.send_message(message, sender=place.sender, recipients=list(mail.recipients))


async def probe(place: MailServer) -> None:
    """Go as far as the sender's address and stop; raises NotDelivered when the server is not fit for use."""
    with _told(place, PROBE_SECONDS):
        async with asyncio.timeout(PROBE_SECONDS), _client(place) as client:
            await client.mail(place.sender)
            await client.rset()


@contextlib.contextmanager
def _told(place: MailServer, seconds: float) -> Iterator[None]:
    """Whatever a mail server does wrong, as NotDelivered."""
    try:
        yield
    except TimeoutError as error:
        raise NotDelivered(f"The mail server did not answer within {seconds:.0f} s.") from error
    except aiosmtplib.SMTPResponseException as error:
        text = _without(place, f"{error.code} {error.message}")
        raise NotDelivered(f"The mail server refused: {text}.", status_code=error.code) from error
    except aiosmtplib.SMTPRecipientsRefused as error:
        refused = "; ".join(f"{each.recipient}: {each.code}" for each in error.recipients)
        raise NotDelivered(f"The mail server refused every recipient: {refused}.") from error
    except (aiosmtplib.SMTPException, OSError, ValueError) as error:
        raise NotDelivered(f"The mail server cannot be used: {_without(place, str(error))}.") from error


@contextlib.asynccontextmanager
async def _client(place: MailServer) -> AsyncIterator[aiosmtplib.SMTP]:
    """A client that is connected, over TLS where that is asked for, and logged in."""
    client = aiosmtplib.SMTP(
        hostname=place.host,
        port=place.port,
        username=place.username or None,
        password=place.password or None,
        local_hostname=place.sender.rpartition("@")[2],
        timeout=TIMEOUT_SECONDS,
        use_tls=place.tls == "tls",
        start_tls=place.tls == "starttls",
        tls_context=ssl.create_default_context() if place.tls != "none" else None,
    )
    try:
        await client.connect()
        yield client
        with contextlib.suppress(aiosmtplib.SMTPException, OSError):  # what was taken stays taken
            await client.quit(timeout=GOODBYE_SECONDS)
    finally:
        client.close()  # a server that hangs is not waited for with a goodbye


def _without(place: MailServer, text: str) -> str:
    """The text on one line, without the password, should a server repeat it."""
    line = " ".join(text.split())[:500].rstrip(".")
    return line.replace(place.password, "***") if place.password else line


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _misconfigured(what: str) -> MisconfiguredServer:
    return MisconfiguredServer(
        f"SMTP_URL {what}.",
        remedy="It looks like smtp://user:password@mail.example.com:587, smtps://… or smtp://localhost:25?tls=none.",
    )
