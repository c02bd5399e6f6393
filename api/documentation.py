"""The OpenAPI document and the two pages that show it.

The pages load their viewers from the publishers' servers; the document itself needs none.
"""

from __future__ import annotations

import msgspec
from litestar import Response, Router, get

from api import guards

_SWAGGER = "https://cdn.jsdelivr.net/npm/swagger-ui-dist@5.18.2"
_REDOC = "https://cdn.redoc.ly/redoc/v2.4.0/bundles/redoc.standalone.js"

_DOCS = f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Keelyard API</title>
<link rel="stylesheet" href="{_SWAGGER}/swagger-ui.css"></head>
<body><div id="ui">The viewer comes from cdn.jsdelivr.net. Without it, read
<a href="/openapi.json">/openapi.json</a>.</div>
<script src="{_SWAGGER}/swagger-ui-bundle.js" crossorigin></script>
<script>SwaggerUIBundle({{url: "/openapi.json", dom_id: "#ui"}})</script></body></html>
"""

_REDOC_PAGE = f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Keelyard API</title></head>
<body><noscript>This page needs a browser with scripts; the document is /openapi.json.</noscript>
<redoc spec-url="/openapi.json"></redoc><script src="{_REDOC}" crossorigin></script></body></html>
"""


@get("/openapi.json", include_in_schema=False)
async def document(request: guards.AnyRequest) -> Response[bytes]:
    """The OpenAPI 3.1 document."""
    return Response(
        msgspec.json.encode(request.app.openapi_schema.to_schema()), media_type="application/json"
    )


@get("/docs", include_in_schema=False)
async def swagger() -> Response[str]:
    """Swagger UI."""
    return Response(_DOCS, media_type="text/html")


@get("/redoc", include_in_schema=False)
async def redoc() -> Response[str]:
    """ReDoc."""
    return Response(_REDOC_PAGE, media_type="text/html")


router = Router("/", route_handlers=[document, swagger, redoc])
