"""The server itself: what it is, whether it lives, what it measures."""

from __future__ import annotations

from litestar import Response, Router, get

from api import control_plane, guards, metrics, state
from api.layers import asgi
from api.schemas.root import About, Health
from engine.services import measurements

BASES = {
    "provisioner": "/",
    "gitops": "/",
    "px-backup": "/px-backup",
    "aws-control-plane": control_plane.BASE,
    "regional-platform": "/",
}


@get("/", summary="API info", tags=["Server"])
async def about() -> About:
    """What this server is, and the base of each contract."""
    return About(
        message="Kubernetes Provisioner Platform API",
        version=state.VERSION,
        docs="/docs",
        api="/api/v1",
        contracts=BASES,
    )


@get("/health", summary="Health check", tags=["Server"])
async def health() -> Health:
    """Whether the server answers and its database does; 503 otherwise."""
    await measurements.require_database()
    return Health(status="healthy", version=state.VERSION)


@get(
    "/metrics",
    summary="Measurements",
    tags=["Server"],
    media_type=metrics.MEDIA_TYPE,
    opt={"refuses": (401,)},
)
async def measured(request: guards.AnyRequest) -> Response[bytes]:
    """Prometheus' text format; open to loopback and METRICS_CIDRS, else with a token."""
    open_to = ["127.0.0.0/8", "::1/128", state.of(request.app).settings.metrics_cidrs]
    address = str(request.scope["client_address"])  # type: ignore[typeddict-item]
    if not asgi.within(address, asgi.networks(",".join(open_to))):
        guards.require_principal(request)
    found = await measurements.counts()
    return Response(metrics.text(found), media_type=metrics.MEDIA_TYPE)


router = Router("/", route_handlers=[about, health, measured])
