"""Rows of templates and their versions as plain values."""

from __future__ import annotations

import uuid
from datetime import datetime

import msgspec
from msgspec import field

from engine.domain.templates import PartialComponents, PartialHardening, PartialTopology
from engine.store import scope
from engine.store.records import now


class Template(msgspec.Struct, frozen=True, kw_only=True):
    """What new clusters begin with; what it says is in its versions."""

    name: str
    created_by: uuid.UUID | None
    created_by_email: str
    version: int = 1
    tenant_id: uuid.UUID = field(default_factory=scope.for_new)
    id: uuid.UUID = field(default_factory=uuid.uuid4)
    created_at: datetime = field(default_factory=now)
    updated_at: datetime = field(default_factory=now)


class TemplateVersion(msgspec.Struct, frozen=True, kw_only=True):
    """What a template said from a moment on."""

    template_id: uuid.UUID
    version: int
    name: str
    description: str
    topology: PartialTopology
    components: PartialComponents
    hardening: PartialHardening
    created_by_email: str
    id: uuid.UUID = field(default_factory=uuid.uuid4)
    created_at: datetime = field(default_factory=now)
