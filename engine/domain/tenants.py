"""Tenants: their slugs, and what may be said about them."""

from __future__ import annotations

import enum
import re
import unicodedata
from collections.abc import Iterator

import msgspec

from engine.domain import spec_rules
from engine.domain.errors import FieldProblem

DEFAULT_SLUG = "default"
MAXIMUM_NAME = 255
MAXIMUM_CONTACT = 500
# Loose on purpose, as for accounts: `.local` and other private domains are addresses too.
_EMAIL = re.compile(r"[^@\s\x00-\x20\x7f\"<>]{1,64}@[A-Za-z0-9.-]{1,253}")


class TenantStatus(enum.StrEnum):
    """How far a tenant is; a pending one is usable."""

    PENDING = "pending"
    ACTIVE = "active"


class ContactInfo(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whom to call; every member is optional."""

    phone: str | None = None
    address: str | None = None
    company: str | None = None


def slug_of(name: str) -> str:
    """A slug made from a name: `Acme Corporation` becomes `acme-corporation`; at least `tenant`."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:50].strip("-")
    return slug or "tenant"


def problems(*, name: str, email: str, contact: ContactInfo, slug: str | None) -> Iterator[FieldProblem]:
    """What is wrong with a tenant as asked for."""
    if not 1 <= len(name) <= MAXIMUM_NAME or not name.isprintable():
        yield FieldProblem("name", f"must have 1 to {MAXIMUM_NAME} characters, all printable")
    if not _EMAIL.fullmatch(email):
        yield FieldProblem("email", f"{email[:80]!r} is not an e-mail address")
    for field in contact.__struct_fields__:
        text = getattr(contact, field)
        if text is not None and (len(text) > MAXIMUM_CONTACT or "\0" in text):
            yield FieldProblem(f"contact_info.{field}", f"must have at most {MAXIMUM_CONTACT} characters")
    if slug is not None:
        yield from spec_rules.name_problems(slug, "slug")
