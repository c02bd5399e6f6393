"""A real server on loopback in the test's own event loop, and requests that fit it."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import socket
import uuid
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any

import httpx
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from granian.constants import Interfaces
from granian.server.embed import Server
from litestar import Litestar

from api import app, state
from engine.domain import catalogue
from engine.domain.events import EventKind, RunEvent
from engine.domain.statuses import JobStatus, Role
from engine.services import identities, runs
from engine.services.directory import NewUser
from engine.services.encryption import Cipher
from engine.services.identity import Caller, IdentityProvider
from engine.services.settings import Settings
from engine.store import database
from tests.standins import keycloak_server
from tests.standins.keycloak_server import KeycloakServer

ADMIN = "admin@k8s-provisioner.local"
PASSWORD = "Correct-horse-battery-1"
VERSION = catalogue.DEFAULT.kubernetes
CANARY = "canary-7f3a9c"


def private_key(passphrase: str | None = None) -> str:
    """A fresh OpenSSH private key."""
    encryption: serialization.KeySerializationEncryption = (
        serialization.BestAvailableEncryption(passphrase.encode())
        if passphrase
        else serialization.NoEncryption()
    )
    key = ed25519.Ed25519PrivateKey.generate()
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, encryption
    ).decode()


KEY = private_key()


def cluster_body(name: str = "yard-1", *, network: str = "192.0.2", **changes: Any) -> dict[str, Any]:
    """A create request that is right in everything; addresses are of a documentation network."""
    body = {
        "name": name,
        "description": "Two nodes",
        "topology": {"ha": False, "control_plane_count": 1, "worker_count": 1},
        "components": {
            "kubernetes_version": VERSION,
            "cni": "flannel",
            "ingress": "none",
            "runtime": "containerd",
        },
        "nodes": [
            {
                "name": "control-01",
                "role": "control-plane",
                "ip_address": f"{network}.10",
                "ssh_port": 22,
                "os_type": "debian12",
            },
            {
                "name": "worker-01",
                "role": "worker",
                "ip_address": f"{network}.20",
                "ssh_port": 22,
                "os_type": "rocky9",
            },
        ],
        "ssh_config": {
            "username": "root",
            "auth_method": "private_key",
            "private_key": KEY,
            "passphrase": None,
            "password": None,
        },
        "hardening": {"enable_cis_k8s_benchmark": False, "enable_cis_linux_benchmark": False},
        "provision_immediately": True,
    }
    return copy.deepcopy(body) | changes


def settings(database_url: str, **changes: Any) -> Settings:
    """Settings of a server whose limits nobody reaches by accident."""
    values: dict[str, Any] = {
        "database_url": database_url,
        "secret_key": "a-secret-for-tests",
        "encryption_key": Fernet.generate_key().decode(),
        "admin_password": PASSWORD,
        "rate_limit_per_minute": 0,
        "rate_limit_per_hour": 0,
        "auth_rate_limit_per_minute": 0,
    }
    return Settings(**(values | changes))


def of_keycloak(server: KeycloakServer) -> dict[str, str]:
    """Settings of a server whose users live in Keycloak."""
    return {
        "keycloak_url": server.url,
        "keycloak_realm": keycloak_server.REALM,
        "keycloak_client_id": keycloak_server.CLIENT_ID,
        "keycloak_client_secret": keycloak_server.CLIENT_SECRET,
    }


class Api:
    """One running server."""

    def __init__(self, url: str, used: Settings, stopping: asyncio.Event, server: asyncio.Task[None]) -> None:
        self.url = url
        self.settings = used
        self.cipher = Cipher(used.encryption_key)
        self.identities = identities.of(used)
        self.users = self.identities.users
        self.provider: IdentityProvider | None = None
        self._clients: list[httpx.AsyncClient] = []
        self._deeds: dict[str, str] = {}  # by correlation id
        self._stopping = stopping
        self._server = server

    async def stop(self) -> None:
        """Stop the server as SIGTERM would, and wait for it."""
        self._stopping.set()
        await self._server

    def anonymous(self, **headers: str) -> httpx.AsyncClient:
        """A client without a token."""
        client = httpx.AsyncClient(
            base_url=self.url, headers=headers, timeout=30, event_hooks={"response": [self._note_deed]}
        )
        self._clients.append(client)
        return client

    async def login(self, email: str = ADMIN, password: str = PASSWORD) -> dict[str, Any]:
        """The answer to a login that succeeds."""
        answer = await self.anonymous().post(
            "/api/v1/auth/login", data={"username": email, "password": password}
        )
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def admin(self) -> httpx.AsyncClient:
        """A client of the first administrator."""
        return self.anonymous(Authorization=f"Bearer {(await self.login())['access_token']}")

    async def account(self, role: Role, email: str | None = None) -> httpx.AsyncClient:
        """A client of a new account."""
        email = email or f"{role.value}-{uuid.uuid4().hex[:6]}@example.local"
        await self.users.create(NewUser(email=email, password=PASSWORD, roles=frozenset({role})), Caller())
        return self.anonymous(Authorization=f"Bearer {(await self.login(email))['access_token']}")

    async def _note_deed(self, answer: httpx.Response) -> None:
        """Remember mutations that were carried out; a repeated answer is none."""
        request = answer.request
        done = request.method not in {"GET", "HEAD", "OPTIONS"} and answer.is_success
        if done and "idempotency-replayed" not in answer.headers:
            what = f"{request.method} {request.url.path}"
            self._deeds[answer.headers["x-request-id"]] = what

    async def unaudited(self) -> list[str]:
        """Mutations that were carried out and are not in the audit log."""
        if not self._deeds or database.DATABASE.pool is None:
            return []
        rows = await database.fetch("SELECT DISTINCT correlation_id FROM audit_entry")
        told = {row["correlation_id"] for row in rows}
        return [what for correlation_id, what in self._deeds.items() if correlation_id not in told]

    async def close(self) -> None:
        for client in self._clients:
            await client.aclose()
        await self.identities.close()


@contextlib.asynccontextmanager
async def serving(used: Settings, port: int = 0) -> AsyncIterator[Api]:
    """A server for as long as the block lasts, on this port or on a free one.

    It lives in a task of its own: a lifespan ends in the task in which it began, and fixtures end elsewhere.
    """
    port = port or _free_port()
    stopping = asyncio.Event()
    application = app.create_app(used)
    task = asyncio.create_task(_serve(application, port, stopping))
    api = Api(f"http://127.0.0.1:{port}", used, stopping, task)
    api.provider = state.of(application).provider
    try:
        await _answering(api, task)
        yield api
        assert not await api.unaudited(), "carried out, and not in the audit log"
    finally:
        await api.close()
        stopping.set()
        await task


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


async def _serve(application: Litestar, port: int, stopping: asyncio.Event) -> None:
    async with application.lifespan():
        server = Server(
            application, address="127.0.0.1", port=port, interface=Interfaces.ASGINL, log_enabled=False
        )
        serving_task = asyncio.create_task(server.serve())
        await stopping.wait()
        await state.of(application).live.stop()
        server.stop()
        await serving_task


async def _answering(api: Api, server: asyncio.Task[None]) -> None:
    async with asyncio.timeout(20), httpx.AsyncClient(base_url=api.url) as client:
        while not server.done():
            try:
                await client.get("/health")
            except httpx.TransportError:
                await asyncio.sleep(0.01)
            else:
                return
        await server


async def raw(api: Api, request: bytes) -> int:
    """The status that answers bytes as no client library sends them; 0 for a closed connection."""
    port = int(api.url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        await writer.drain()
        async with asyncio.timeout(60):
            line = await reader.readline()
        return int(line.split()[1]) if line else 0
    except OSError:
        return 0
    finally:
        writer.close()


class Run:
    """Plays a supervisor: claims a job, tells events, ends it."""

    def __init__(self, job_id: str, cipher: Cipher) -> None:
        self.job_id = uuid.UUID(job_id)
        self._cipher = cipher
        self.attempt = 0
        self._sequence = 0

    async def claim(self) -> None:
        attempt = await runs.claim(self.job_id, "test-worker")
        assert attempt is not None
        self.attempt = attempt

    def event(self, kind: EventKind, **values: Any) -> RunEvent:
        self._sequence += 1
        return RunEvent(
            kind=kind,
            created_at=datetime.now(UTC),
            sequence=self._sequence,
            attempt=self.attempt,
            **values,
        )

    async def tell(self, *events: RunEvent) -> None:
        await runs.append(self.job_id, self.attempt, events)

    async def tell_many(self, count: int) -> None:
        await self.tell(
            *[
                self.event(EventKind.HOST_OK, host="control-01", task=f"Task {number}")
                for number in range(count)
            ]
        )

    async def finish(self, status: JobStatus, events: Sequence[RunEvent] = (), **values: Any) -> None:
        result = runs.RunResult(status=status, **values)
        assert await runs.finish(self.job_id, self.attempt, result, events, self._cipher)


async def sse(response: httpx.Response) -> AsyncIterator[dict[str, str]]:
    """Frames of an event stream as dictionaries of their fields."""
    fields: dict[str, str] = {}
    async for line in response.aiter_lines():
        if line:
            name, _, value = line.partition(":")
            fields[name or "comment"] = value.removeprefix(" ")
        elif fields:
            yield fields
            fields = {}
