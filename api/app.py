"""Composition of the server: routes, layers, errors, documentation, and what lives as long as it does."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from litestar import Litestar
from litestar.config.cors import CORSConfig
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme

from api import decoding, documentation, errors, state
from api.control_plane import router as control_plane
from api.layers.asgi import App, networks
from api.layers.browser_sessions import BrowserSessions
from api.layers.deadline import Deadline
from api.layers.drain import Drain
from api.layers.identity import Identity
from api.layers.observation import Observation
from api.layers.rate_limits import RateLimits
from api.layers.refusals import Refusals
from api.layers.screening import Screening
from api.layers.tenancy import Tenancy
from api.routes import (
    audit_logs,
    auth,
    browser_sessions,
    catalogue,
    cluster_specs,
    clusters,
    events,
    hardening,
    hardening_reports,
    job_artifacts,
    job_hosts,
    jobs,
    notification_channels,
    overview,
    plans,
    root,
    schedules,
    service_tokens,
    templates,
    tenants,
    users,
    workers,
)
from engine.domain.errors import MisconfiguredServer
from engine.services import accounts, counters, denied_sessions, identities, notice_settings
from engine.services import state as service_state
from engine.services.encryption import Cipher
from engine.services.live import Live
from engine.services.notification_channels import Channels
from engine.services.password_resets import PasswordResets
from engine.services.settings import Settings

BODY_LIMIT = 4 * 1024 * 1024


def create_app(settings: Settings) -> Litestar:
    """The ASGI application. Raises MisconfiguredServer for settings that this version cannot honour."""
    _refuse_misfits(settings)
    url = service_state.database_url(settings)
    cipher = Cipher(settings.encryption_key)
    redis = service_state.redis(settings)
    known = identities.of(settings, denied_sessions.of(redis))
    notices = notice_settings.of(settings)
    shared = state.Shared(
        settings=settings,
        identities=known,
        cipher=cipher,
        live=Live(url),
        channels=Channels(cipher, notices),
        counters=counters.of(redis),
        password_resets=PasswordResets(known, notices),
    )

    @asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        await service_state.open_database(url)
        try:
            _announce(await accounts.ensure_first_administrator(settings, shared.identities))
            await shared.live.start()
            try:
                yield
            finally:
                await shared.live.stop()
        finally:
            await shared.password_resets.close()
            await shared.identities.close()
            if redis is not None:
                await redis.close()
            await service_state.close_database()

    app = Litestar(
        route_handlers=[
            root.router,
            auth.router,
            browser_sessions.router,
            catalogue.router,
            overview.router,
            clusters.router,
            cluster_specs.router,
            jobs.router,
            events.router,
            plans.router,
            hardening.router,
            schedules.router,
            workers.router,
            job_hosts.router,
            job_artifacts.router,
            hardening_reports.router,
            notification_channels.router,
            users.router,
            service_tokens.router,
            tenants.router,
            templates.router,
            audit_logs.router,
            control_plane.router,
            documentation.router,
        ],
        exception_handlers=errors.HANDLERS,
        lifespan=[lifespan],
        state=state.wrap(shared),
        openapi_config=_openapi(),
        cors_config=_cors(settings),
        request_max_body_size=BODY_LIMIT,
        signature_types=[decoding.Body, decoding.AnyTypeBody],
        # Litestar 3 has no logging of its own either; `api.logs` configures structlog.
        logging_config=None,
    )
    app.asgi_handler = _layered(app.asgi_handler, shared)  # type: ignore[assignment, arg-type]
    return app


def _layered(inner: App, shared: state.Shared) -> App:
    """The application inside its layers."""
    settings = shared.settings
    limited = RateLimits(
        Tenancy(Refusals(Deadline(inner)), header_name=settings.tenant_header),
        shared.counters,
        per_minute=settings.rate_limit_per_minute,
        per_hour=settings.rate_limit_per_hour,
        logins_per_minute=settings.auth_rate_limit_per_minute,
    )
    identified = BrowserSessions(
        Identity(limited, shared.provider, shared.service_tokens), shared.csrf_tokens
    )
    return Observation(
        Screening(Drain(identified)),
        proxies=networks(settings.trusted_proxy_cidrs),
    )


def _refuse_misfits(settings: Settings) -> None:
    for name in ("trusted_proxy_cidrs", "metrics_cidrs"):
        try:
            networks(getattr(settings, name))
        except ValueError as error:
            raise MisconfiguredServer(f"{name.upper()} does not fit: {error}.") from error


def _openapi() -> OpenAPIConfig:
    return OpenAPIConfig(
        title="Keelyard",
        version=state.VERSION,
        description="Kubernetes clusters laid down, run and kept afloat.",
        path="/openapi",
        render_plugins=[],
        use_handler_docstrings=True,
        components=Components(
            security_schemes={
                "bearer": SecurityScheme(type="http", scheme="bearer", bearer_format="JWT"),
            }
        ),
        security=[{"bearer": []}],
    )


def _cors(settings: Settings) -> CORSConfig | None:
    """Cross-origin access for named origins, off by default; `*` works, without credentials."""
    origins = [origin.strip() for origin in settings.allowed_origins.split(",") if origin.strip()]
    if not origins:
        return None
    exposed = ["Location", "Link", "X-Request-ID", "Retry-After", "Content-Disposition"]
    return CORSConfig(allow_origins=origins, allow_credentials="*" not in origins, expose_headers=exposed)


def _announce(first: accounts.FirstAdministrator | None) -> None:
    """Show a made-up password, once, to whoever started the server; it is kept nowhere."""
    if first is not None and first.password is not None:
        print(  # noqa: T201 - a log would keep it
            f"First administrator: {first.email}\n"
            f"Password (shown once): {first.password}\n"
            "Change it with: keelyard user set-password",
            file=sys.stderr,
            flush=True,
        )
