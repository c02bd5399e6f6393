"""The pages around the terminal: signing in, the terminal's frame, and a line when something is refused."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
from aiohttp import web

from tui.web import security
from tui.web.settings import Address

_HERE = Path(str(resources.files("tui.web")))
_SERVED = Path(str(resources.files("textual_serve"))) / "static"
_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(_HERE / "pages"), autoescape=True, undefined=jinja2.StrictUndefined
)

#: What the terminal's page loads. xterm.js and its font are textual-serve's (MIT; Roboto Mono: Apache 2.0).
ASSETS: Mapping[str, Path] = {
    "page.css": _HERE / "static" / "page.css",
    "page.js": _HERE / "static" / "page.js",
    "roboto-mono-italic.ttf": _SERVED / "fonts" / "RobotoMono-Italic-VariableFont_wght.ttf",
    "roboto-mono.ttf": _SERVED / "fonts" / "RobotoMono-VariableFont_wght.ttf",
    "textual.js": _SERVED / "js" / "textual.js",
    "xterm.css": _SERVED / "css" / "xterm.css",
}


def page(request: web.Request, address: Address, name: str, status: int = 200, **told: Any) -> web.Response:
    """A page; everything told is escaped."""
    html = _TEMPLATES.get_template(f"{name}.html").render(
        prefix=address.prefix, nonce=security.nonce(request), exposed=address.is_exposed, **told
    )
    return web.Response(text=html, content_type="text/html", status=status)


def asset(name: str) -> web.FileResponse:
    """A file of the terminal's page. Raises HTTPNotFound."""
    if name not in ASSETS:
        raise web.HTTPNotFound
    response = web.FileResponse(ASSETS[name])
    response.headers["Cache-Control"] = "private, no-cache"  # asked for again each time, sent when it changed
    return response
