"""Of which tenants a caller is, and so what a request may see: decided once, where the request comes in.

Everything below asks nobody: the scope set here goes with every statement to the database, whose policies
leave out what is another tenant's.
"""

from __future__ import annotations

import time
import uuid
from contextlib import AbstractContextManager

from engine.domain import spec_rules
from engine.domain.errors import NotFound
from engine.domain.permissions import Principal
from engine.domain.statuses import Role
from engine.store import scope, tenant_members, tenants
from engine.store.scope import DEFAULT_TENANT, EVERYTHING, NOTHING, Scope

__all__ = [
    "DEFAULT_TENANT",
    "EVERYTHING",
    "NOTHING",
    "Scope",
    "audited_tenant",
    "current",
    "enter",
    "everything",
    "forget_memory",
    "scope_of",
]

# For so long another process may still believe a membership that has ended.
MEMORY_SECONDS = 5.0
MEMORY_ENTRIES = 10_000

_remembered: dict[str, tuple[float, frozenset[uuid.UUID]]] = {}


def current() -> Scope:
    """The scope of this request."""
    return scope.current()


def enter(entered: Scope) -> AbstractContextManager[None]:
    """Everything in the block sees this scope and nothing else."""
    return scope.within(entered)


def everything() -> AbstractContextManager[None]:
    """For what concerns the whole installation."""
    return scope.everything()


async def scope_of(principal: Principal | None, wanted: str | None = None) -> Scope:
    """What a caller sees: administrators everything, others their tenants; `wanted` (slug or id) narrows.

    Raises NotFound for a tenant that is not there or not the caller's.
    """
    if principal is None:
        return NOTHING
    own = await _own(principal)
    if wanted is not None:
        chosen = await _chosen(wanted)
        if chosen is None or (own is not None and chosen not in own):
            raise NotFound(f"There is no tenant {wanted[:100]!r}.", remedy="GET /api/v1/tenants lists yours.")
        return Scope(tenants=frozenset({chosen}), home=chosen)
    if own is None:
        return EVERYTHING
    return Scope(tenants=own, home=next(iter(own)) if len(own) == 1 else None)


async def audited_tenant(principal: Principal | None) -> uuid.UUID:
    """In whose part of the audit log something is written that is about nothing of a tenant's own."""
    home = scope.current().home
    if home is not None:
        return home
    own = None if principal is None else await _own(principal)
    return min(own or (), default=DEFAULT_TENANT)


def forget_memory(account_id: uuid.UUID | None = None) -> None:
    """Look up memberships anew: of one account, or of all."""
    if account_id is None:
        _remembered.clear()
    else:
        _remembered.pop(str(account_id), None)


async def _own(principal: Principal) -> frozenset[uuid.UUID] | None:
    """The tenants of a caller; None for all: an administrator, or a service token that was made for none."""
    if principal.tenant_id is not None:
        return frozenset({uuid.UUID(principal.tenant_id)})
    if principal.limited_to is not None or Role.ADMIN in principal.roles:
        return None
    return await _memberships(principal.account_id)


async def _memberships(account_id: str) -> frozenset[uuid.UUID]:
    known = _remembered.get(account_id)
    if known is not None and time.monotonic() - known[0] < MEMORY_SECONDS:
        return known[1]
    with scope.everything():
        found = await tenant_members.of_account(uuid.UUID(account_id))
    own = found.tenants if found.placed else frozenset({DEFAULT_TENANT})
    if len(_remembered) >= MEMORY_ENTRIES:
        _remembered.clear()
    _remembered[account_id] = (time.monotonic(), own)
    return own


async def _chosen(wanted: str) -> uuid.UUID | None:
    with scope.everything():
        if spec_rules.is_uuid(wanted):
            found = await tenants.get(uuid.UUID(wanted))
        else:
            found = await tenants.get(wanted) if spec_rules.is_label(wanted) else None
    return None if found is None else found.id
