"""A real Keycloak on loopback, with the realm file that is shipped and a database of its own."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from engine import content

VERSION = "26.4.7"  # the same in .ci/setup
REALM_FILE = Path(__file__).parents[2] / "deploy/keycloak/keelyard-realm.json"
REALM = "keelyard"
CLIENT_ID = "keelyard"
CLIENT_SECRET = "a-client-secret-for-tests"
ADMIN_PASSWORD = "Correct-horse-battery-1"
ROOT_PASSWORD = "Root-password-for-tests-1"
START_SECONDS = 240
_JAVA = [
    "java",
    # Small and quick to start; what the compiler would gain, a test run never sees.
    *("-Xms64m", "-Xmx384m", "-XX:MaxMetaspaceSize=256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),
    "-XX:+ExitOnOutOfMemoryError",
    "-Djava.util.logging.manager=org.jboss.logmanager.LogManager",
    "-Dpicocli.disable.closures=true",
    *(f"--add-opens=java.base/java.util{package}=ALL-UNNAMED" for package in ("", ".concurrent")),
    "--add-opens=java.base/java.security=ALL-UNNAMED",
]


class NotInstalled(RuntimeError):
    """Java or the distribution is missing."""


class KeycloakServer:
    """One process with its own state; can be killed and started again."""

    def __init__(self) -> None:
        self._distribution = _distribution()
        self._home = Path(tempfile.mkdtemp(prefix="keelyard-keycloak-", dir="/tmp"))
        self._process: subprocess.Popen[bytes] | None = None
        self.snapshot = self._distribution.parent / f"data-{_state_key()}"
        self.port, self._management_port = _free_port(), _free_port()
        self.url = f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it on the realm as shipped, and wait until it answers."""
        made_before = self.snapshot.is_dir()
        self._lay_out(self.snapshot if made_before else None)
        self.resume()
        if not made_before:
            self._keep(self.snapshot)

    def resume(self) -> None:
        """Start it on the state that it had."""
        environment = {
            "PATH": os.environ["PATH"],
            "KC_BOOTSTRAP_ADMIN_USERNAME": "root",
            "KC_BOOTSTRAP_ADMIN_PASSWORD": ROOT_PASSWORD,
            "KEYCLOAK_CLIENT_SECRET": CLIENT_SECRET,
            "KEELYARD_ADMIN_PASSWORD": ADMIN_PASSWORD,
        }
        if java_home := os.environ.get("JAVA_HOME"):
            environment["PATH"] = f"{java_home}/bin:{environment['PATH']}"
        command = [
            *_JAVA,
            f"-Dkc.home.dir={self._home}",
            f"-Djboss.server.config.dir={self._home}/conf",
            *("-cp", f"{self._distribution}/lib/quarkus-run.jar"),
            *("io.quarkus.bootstrap.runner.QuarkusEntryPoint", "start", "--optimized", "--import-realm"),
            "--cache=local",
            *("--http-enabled=true", "--hostname-strict=false", "--http-host=127.0.0.1"),
            *(f"--http-port={self.port}", f"--http-management-port={self._management_port}"),
        ]
        with (self._home / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=self._home
            )
        self._wait()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End the process."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(60)
            self._process = None

    def remove(self) -> None:
        """End the process and forget its state."""
        self.stop(signal.SIGKILL)
        shutil.rmtree(self._home, ignore_errors=True)

    def peak_memory_mb(self) -> int:
        """Resident memory at most, so far."""
        assert self._process is not None
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) // 1024

    # -- what tests change in it, as its own administrator --

    @asynccontextmanager
    async def root(self) -> AsyncIterator[httpx.AsyncClient]:
        """A client of the admin API that may do everything."""
        form = {
            "client_id": "admin-cli",
            "grant_type": "password",
            "username": "root",
            "password": ROOT_PASSWORD,
        }
        async with httpx.AsyncClient(base_url=self.url, timeout=30) as client:
            answer = await client.post("/realms/master/protocol/openid-connect/token", data=form)
            client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
            yield client

    async def reset(self, admin_email: str) -> None:
        """Leave only the first administrator, as the realm file has it."""
        async with self.root() as root:
            place = f"/admin/realms/{REALM}/users"
            for user in (await root.get(place, params={"max": 1000})).json():
                if user.get("email") != admin_email:
                    await root.delete(f"{place}/{user['id']}")
                    continue
                mine = f"{place}/{user['id']}"
                await root.put(mine, json={"enabled": True, "firstName": "Administrator"})
                await root.delete(f"/admin/realms/{REALM}/attack-detection/brute-force/users/{user['id']}")
                role = (await root.get(f"/admin/realms/{REALM}/roles/admin")).json()
                await root.post(f"{mine}/role-mappings/realm", json=[role])
                password = {"type": "password", "value": ADMIN_PASSWORD, "temporary": False}
                await root.put(f"{mine}/reset-password", json=password)

    async def until_counted(self, email: str, failures: int) -> None:
        """Wait until it has counted an account's failed logins.

        It does so after its answer, and counts no other of the same account till then.
        """
        async with asyncio.timeout(30), self.root() as root:
            place = f"/admin/realms/{REALM}"
            found = await root.get(f"{place}/users", params={"email": email, "exact": True})
            mine = f"{place}/attack-detection/brute-force/users/{found.json()[0]['id']}"
            while (await root.get(mine)).json()["numFailures"] < failures:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.05)

    async def rotate_keys(self) -> None:
        """Give the realm a new active signing key; the older ones still verify."""
        async with self.root() as root:
            realm = (await root.get(f"/admin/realms/{REALM}")).json()
            component: dict[str, Any] = {
                "name": f"rsa-{time.monotonic_ns()}",
                "providerId": "rsa-generated",
                "providerType": "org.keycloak.keys.KeyProvider",
                "parentId": realm["id"],
                "config": {"priority": [str(1000 + int(time.monotonic()))], "keySize": ["2048"]},
            }
            answer = await root.post(f"/admin/realms/{REALM}/components", json=component)
            assert answer.status_code == 201, answer.text

    def _lay_out(self, snapshot: Path | None) -> None:
        for name in ("lib", "providers", "themes"):
            (self._home / name).symlink_to(self._distribution / name)
        shutil.copytree(self._distribution / "conf", self._home / "conf")
        if snapshot is not None:
            shutil.copytree(snapshot, self._home / "data")
            return
        imports = self._home / "data/import"
        imports.mkdir(parents=True)
        shutil.copy(REALM_FILE, imports / f"{REALM}-realm.json")

    def _keep(self, snapshot: Path) -> None:
        """Making the schema takes most of the first start: the next ones begin with what it made."""
        self.stop()
        partial = snapshot.with_name(f".partial-{os.getpid()}")
        shutil.copytree(self._home / "data", partial, ignore=shutil.ignore_patterns("tmp", "import"))
        try:
            partial.rename(snapshot)
        except OSError:  # another run was first
            shutil.rmtree(partial)
        self.resume()

    def _wait(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            try:
                ready = httpx.get(f"http://127.0.0.1:{self._management_port}/health/ready", trust_env=False)
            except httpx.TransportError:
                time.sleep(0.1)
                continue
            if ready.status_code == 200:
                return
            time.sleep(0.1)
        log = (self._home / "log").read_text(errors="replace")
        raise RuntimeError(f"Keycloak did not start:\n{log[-3000:]}")


def _distribution() -> Path:
    place = content.cache() / "keycloak" / VERSION
    if not (place / "lib/quarkus/quarkus-application.dat").exists():
        raise NotInstalled(
            f"Keycloak {VERSION} is not in {place}. run `.ci/setup tests`: it fetches "
            f"org.keycloak:keycloak-quarkus-dist:{VERSION}:tar.gz with Maven and builds it there."
        )
    if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
        raise NotInstalled("There is no java. Install a Java of 17, 21 or 25, as `.ci/setup tests` does.")
    return place


def _state_key() -> str:
    parts = (VERSION.encode(), REALM_FILE.read_bytes(), ROOT_PASSWORD.encode(), ADMIN_PASSWORD.encode())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def prepare() -> None:
    """Make what every start begins with, so that no test waits for it; nothing when it is there."""
    server = KeycloakServer()
    try:
        if not server.snapshot.is_dir():
            server.start()
    finally:
        server.remove()


if __name__ == "__main__":
    prepare()
