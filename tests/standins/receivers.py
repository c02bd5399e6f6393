"""Receivers of notices on loopback: an HTTP server that does as it is told, and a mail server."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

HANG = "hang"


class Received:
    """One request."""

    def __init__(self, line: str, headers: dict[str, str], body: bytes) -> None:
        self.line = line
        self.headers = headers
        self.body = body


class HttpReceiver:
    """Answers requests by its script: status codes, `hang`, or a place to redirect to; then with 204."""

    def __init__(self, *script: int | str) -> None:
        self.script: list[int | str] = list(script)
        self.requests: list[Received] = []
        self.at_once: dict[str, int] = {}  # by delivery, and by path
        self.most_at_once: dict[str, int] = {}
        self.url = ""

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            line, *rest = head.strip().split("\r\n")
            headers = {name.lower(): value for name, _, value in (each.partition(": ") for each in rest)}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            self.requests.append(Received(line, headers, body))
            keys = (headers.get("x-keelyard-delivery", ""), line.split()[1])
            for key in keys:
                self.at_once[key] = self.at_once.get(key, 0) + 1
                self.most_at_once[key] = max(self.most_at_once.get(key, 0), self.at_once[key])
            try:
                await self._reply(writer)
            finally:
                for key in keys:
                    self.at_once[key] -= 1

    async def _reply(self, writer: asyncio.StreamWriter) -> None:
        step = self.script.pop(0) if self.script else 204
        if step == HANG:
            await asyncio.sleep(3600)
        if isinstance(step, str):
            writer.write(f"HTTP/1.1 302 Found\r\nLocation: {step}\r\nContent-Length: 0\r\n\r\n".encode())
        else:
            await asyncio.sleep(0.01)
            writer.write(f"HTTP/1.1 {step} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()

    @contextlib.asynccontextmanager
    async def listening(self, tls: ssl.SSLContext | None = None) -> AsyncIterator[HttpReceiver]:
        """As long as the block lasts; `url` leads here."""
        tasks: set[asyncio.Task[Any]] = set()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            try:
                with contextlib.suppress(asyncio.CancelledError):
                    await self.answer(reader, writer)
            finally:
                writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
        port = server.sockets[0].getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://{'localhost' if tls else '127.0.0.1'}:{port}/hook"
        try:
            yield self
        finally:
            server.close()
            for task in list(tasks):
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


class MailServer:
    """A real SMTP server; messages it took are in `messages`."""

    def __init__(self, *, tls: ssl.SSLContext | None, login: tuple[str, str] | None = None) -> None:
        self.messages: list[tuple[list[str], bytes]] = []
        self._tls = tls
        self._login = login
        self.port = 0

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        self.messages.append((list(envelope.rcpt_tos), envelope.content))
        return "250 taken"

    def _authenticate(
        self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any
    ) -> AuthResult:
        right = self._login is not None and (data.login, data.password) == tuple(
            part.encode() for part in self._login
        )
        return AuthResult(success=right, handled=False)  # the server answers

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[MailServer]:
        """As long as the block lasts."""
        loop = asyncio.get_running_loop()

        def session() -> SMTP:
            return SMTP(
                self,
                hostname="mail.test",
                tls_context=self._tls,
                require_starttls=self._tls is not None,
                authenticator=self._authenticate if self._login else None,
                auth_required=self._login is not None,
                loop=loop,
            )

        server = await loop.create_server(session, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()


def certificate(directory: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's TLS context for localhost and 127.0.0.1, and the file that makes a client trust it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.KeyUsage(
                digital_signature=True,
                key_cert_sign=True,
                crl_sign=True,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    trusted = directory / "trusted.pem"
    trusted.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = directory / "server.pem"
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + trusted.read_bytes()
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(private)
    return context, trusted
