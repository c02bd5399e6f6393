"""Bodies of the tenant routes."""

from __future__ import annotations

from datetime import datetime

import msgspec

from api.schemas.common import Reply, Request
from engine.domain.tenants import TenantStatus


class ContactRequest(Request):
    """Whom to call."""

    phone: str | None = None
    address: str | None = None
    company: str | None = None


class TenantCreate(Request):
    """A tenant to register. Without a slug, one is made from the name."""

    name: str
    email: str
    slug: str | None = None
    contact_info: ContactRequest | None = None
    status: TenantStatus = TenantStatus.PENDING


class TenantUpdate(Request):
    """What shall be different; members that are left out stay as they are."""

    name: str | msgspec.UnsetType = msgspec.UNSET
    email: str | msgspec.UnsetType = msgspec.UNSET
    slug: str | msgspec.UnsetType = msgspec.UNSET
    contact_info: ContactRequest | msgspec.UnsetType = msgspec.UNSET
    status: TenantStatus | msgspec.UnsetType = msgspec.UNSET


class Contact(Reply):
    """Whom to call."""

    phone: str | None
    address: str | None
    company: str | None


class Tenant(Reply):
    """Owner of clusters and what belongs to them."""

    id: str
    slug: str
    name: str
    email: str
    contact_info: Contact
    status: str
    created_at: datetime
    updated_at: datetime


class MemberAdd(Request):
    """Whom to add: a user by id or by e-mail address, one of the two."""

    user_id: str | None = None
    email: str | None = None


class Member(Reply):
    """A user who belongs to a tenant."""

    user_id: str
    email: str
    created_at: datetime
