"""All routes of the control plane's contract."""

from __future__ import annotations

from litestar import Router

from api.control_plane import BASE, auth, staff, tenants

router = Router(BASE, route_handlers=[auth.router, staff.router, tenants.router])
