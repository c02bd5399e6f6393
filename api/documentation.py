"""The OpenAPI document and the two pages that show it, with viewers that this server itself serves."""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path

from litestar import Response, Router, get

from api import guards, openapi

# A package that carries both viewers; its code is never imported.
_PACKAGE = "fastapi_offline"
_SCRIPT, _STYLE = "text/javascript", "text/css"
_STARTER = b'SwaggerUIBundle({url: "/openapi.json", dom_id: "#ui", validatorUrl: null})\n'
_CACHED = {"Cache-Control": "public, max-age=86400"}

_DOCS = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Keelyard API</title>
<link rel="stylesheet" href="/docs/swagger-ui.css"></head>
<body><div id="ui">Without scripts, read <a href="/openapi.json">/openapi.json</a>.</div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script></body></html>
"""

_REDOC = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Keelyard API</title></head>
<body><noscript>This page needs a browser with scripts; the document is /openapi.json.</noscript>
<redoc spec-url="/openapi.json" disable-google-font></redoc>
<script src="/redoc/redoc.standalone.js"></script></body></html>
"""


@get("/openapi.json", include_in_schema=False)
async def document(request: guards.AnyRequest) -> Response[bytes]:
    """The OpenAPI 3.1 document."""
    return Response(openapi.document(request.app), media_type="application/json")


@get("/docs", include_in_schema=False)
async def swagger() -> Response[str]:
    """Swagger UI."""
    return Response(_DOCS, media_type="text/html")


@get("/docs/start.js", include_in_schema=False)
async def swagger_start() -> Response[bytes]:
    """What starts Swagger UI; a file, so that the page needs no script of its own."""
    return Response(_STARTER, media_type=_SCRIPT, headers=_CACHED)


@get("/docs/swagger-ui-bundle.js", include_in_schema=False)
async def swagger_script() -> Response[bytes]:
    """Swagger UI's program."""
    return Response(_viewer("swagger-ui-bundle.js"), media_type=_SCRIPT, headers=_CACHED)


@get("/docs/swagger-ui.css", include_in_schema=False)
async def swagger_style() -> Response[bytes]:
    """Swagger UI's style."""
    return Response(_viewer("swagger-ui.css"), media_type=_STYLE, headers=_CACHED)


@get("/redoc", include_in_schema=False)
async def redoc() -> Response[str]:
    """ReDoc."""
    return Response(_REDOC, media_type="text/html")


@get("/redoc/redoc.standalone.js", include_in_schema=False)
async def redoc_script() -> Response[bytes]:
    """ReDoc's program."""
    return Response(_viewer("redoc.standalone.js"), media_type=_SCRIPT, headers=_CACHED)


@functools.cache
def _viewer(name: str) -> bytes:
    found = importlib.util.find_spec(_PACKAGE)
    assert found is not None
    assert found.origin is not None
    return (Path(found.origin).parent / "static" / name).read_bytes()


router = Router(
    "/",
    route_handlers=[document, swagger, swagger_start, swagger_script, swagger_style, redoc, redoc_script],
)
