"""Settings of a server, read once from the environment and passed down, under their documented names.

A secret may come in a file, as containers get them: `SECRET_KEY_FILE` names one instead of `SECRET_KEY`.
On a loopback bind missing keys are made once and kept in `KEELYARD_HOME/keys`; on any other bind a server
without its own keys, or with the documented example values, refuses to start.
"""

from __future__ import annotations

import ipaddress
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec
from cryptography.fernet import Fernet

from engine import content
from engine.domain.errors import MisconfiguredServer
from engine.domain.leases import DEFAULT_SECONDS, LeaseTimes

DOCUMENTED_PASSWORD = "AdminPassword123!"  # noqa: S105 - the contract's example, refused outside the demo
DOCUMENTED_SECRET = "dev-secret-key"  # noqa: S105 - the contract's example, refused

IN_FILES = (
    "DATABASE_URL",
    "REDIS_URL",
    "SECRET_KEY",
    "ENCRYPTION_KEY",
    "ADMIN_PASSWORD",
    "SMTP_URL",
    "KEYCLOAK_CLIENT_SECRET",
)


class Settings(msgspec.Struct, frozen=True, kw_only=True, rename=str.upper):
    """Every documented variable with its default."""

    database_url: str = ""  # empty = embedded PostgreSQL
    redis_url: str = ""
    secret_key: str = ""
    encryption_key: str = ""  # one or more Fernet keys, comma-separated, newest first
    access_token_expire_minutes: int = 30
    refresh_token_expire_days: int = 7
    allowed_origins: str = ""
    default_k8s_version: str = ""
    default_cni: str = ""
    default_ingress: str = ""
    default_container_runtime: str = "containerd"
    rate_limit_per_minute: int = 100
    rate_limit_per_hour: int = 1000
    auth_rate_limit_per_minute: int = 10
    admin_email: str = "admin@k8s-provisioner.local"
    admin_password: str = ""
    trusted_proxy_cidrs: str = ""
    metrics_cidrs: str = ""
    public_url: str = ""  # where people reach this server; links in notices start with it
    smtp_url: str = ""  # smtp://user:password@host:587, smtps://...; empty = no mail
    mail_from: str = ""
    webhook_allowed_cidrs: str = ""  # networks beside the public Internet that webhooks may be in
    keycloak_url: str = ""  # such as https://sso.example.com; empty = accounts of our own
    keycloak_realm: str = "keelyard"
    keycloak_client_id: str = "keelyard"
    keycloak_client_secret: str = ""
    keycloak_audience: str = ""  # what access tokens must be for; empty = the client
    keycloak_issuer: str = ""  # when tokens name Keycloak by another address than KEYCLOAK_URL
    event_retention_months: Annotated[int, msgspec.Meta(ge=0, le=1200)] = (
        13  # besides the current one; 0 = events are kept for ever
    )
    event_spool_megabytes: Annotated[int, msgspec.Meta(ge=1)] = (
        1024  # of one run's events while the database does not take them
    )
    hardening_reports_kept: Annotated[int, msgspec.Meta(ge=1)] = (
        10  # of each cluster, with results and the scanners' files; of older ones the summary
    )
    state_backup_days: Annotated[int, msgspec.Meta(ge=0)] = (
        7  # without a `keelyard backup`, until administrators are told; 0 = never
    )
    tenant_header: str = "X-Tenant-ID"  # names the tenant of a request, by slug or id
    keelyard_demo: bool = False
    keelyard_lease_seconds: float = DEFAULT_SECONDS  # without a sign of life, until a run counts as dead
    keelyard_artifacts: str = "auto"  # auto | upstream | bundle
    keelyard_bundle: str = ""  # directory; empty = KEELYARD_HOME/bundle
    keelyard_bundle_public_key: str = ""  # file; empty = KEELYARD_HOME/keys/bundle-signing.pub

    @property
    def lease_times(self) -> LeaseTimes:
        """How long runs may be silent; raises MisconfiguredServer for a lease that is too short."""
        return LeaseTimes.of(self.keelyard_lease_seconds)

    @property
    def bundle(self) -> Path | None:
        """Directory of the bundle, None for KEELYARD_HOME's own."""
        return Path(self.keelyard_bundle) if self.keelyard_bundle else None

    def __repr__(self) -> str:
        return "Settings(...)"

    __str__ = __repr__


def load(environ: Mapping[str, str] | None = None, *, bind: str = "127.0.0.1") -> Settings:
    """Settings for a server bound to an address.

    Raises MisconfiguredServer naming the variable that does not fit.
    """
    values = with_files(os.environ if environ is None else environ)
    known = {field.encode_name for field in msgspec.structs.fields(Settings)}
    try:
        settings = msgspec.convert({k: v for k, v in values.items() if k in known}, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise MisconfiguredServer(f"A setting does not fit: {error}.") from error
    if settings.database_url.startswith("sqlite"):
        raise MisconfiguredServer(
            "DATABASE_URL names SQLite.",
            remedy="Unset it for the embedded PostgreSQL, or name a PostgreSQL server.",
        )
    if is_loopback(bind):
        return _with_local_keys(settings)
    _refuse_weak_secrets(settings)
    return settings


def with_files(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment with the secrets that files hold; an empty `NAME_FILE` means none.

    Raises MisconfiguredServer for a file that cannot be read, and for a secret that is given twice.
    """
    values = dict(environ)
    for name in IN_FILES:
        place = values.get(f"{name}_FILE", "")
        if not place:
            continue
        if values.get(name):
            raise MisconfiguredServer(f"{name} and {name}_FILE are both set.", remedy="Unset one of them.")
        try:
            values[name] = Path(place).read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise MisconfiguredServer(f"{name}_FILE names {place}, which cannot be read: {error}.") from error
    return values


def is_loopback(bind: str) -> bool:
    """Whether a server bound to this address is reachable from this machine only."""
    if bind == "localhost":
        return True
    try:
        return ipaddress.ip_address(bind).is_loopback
    except ValueError:
        return False


def _refuse_weak_secrets(settings: Settings) -> None:
    for name in ("secret_key", "encryption_key"):
        if not getattr(settings, name):
            raise MisconfiguredServer(
                f"{name.upper()} is not set, and the server is reachable from other machines.",
                remedy="Set it to a long random value, or bind to 127.0.0.1.",
            )
    if settings.secret_key == DOCUMENTED_SECRET:
        raise MisconfiguredServer("SECRET_KEY is the documented example.", remedy="Choose a random value.")
    if settings.admin_password == DOCUMENTED_PASSWORD or settings.keelyard_demo:
        raise MisconfiguredServer(
            "The documented administrator password is for the demo on loopback only.",
            remedy="Choose another ADMIN_PASSWORD, or bind to 127.0.0.1.",
        )


def _with_local_keys(settings: Settings) -> Settings:
    keys = content.home() / "keys"
    made = {
        "secret_key": settings.secret_key or _kept(keys / "secret_key", lambda: secrets.token_urlsafe(48)),
        "encryption_key": settings.encryption_key
        or _kept(keys / "encryption_key", lambda: Fernet.generate_key().decode()),
    }
    return msgspec.structs.replace(settings, **made)


def _kept(path: Path, make: object) -> str:
    """The key in a file, made once; two starters race for the exclusive create and the loser reads."""
    assert callable(make)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(str(make()))
    try:
        os.link(scratch, path)
    except FileExistsError:
        pass
    finally:
        scratch.unlink()
    return path.read_text().strip()
