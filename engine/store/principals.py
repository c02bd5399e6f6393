"""Who an open session belongs to, in one query: asked for almost every request."""

from __future__ import annotations

import uuid

from engine.domain.permissions import Principal
from engine.store import records, rows


async def of_session(account_id: uuid.UUID, family: uuid.UUID) -> Principal | None:
    """The principal of a session that is open and whose account is enabled."""
    sql = """
        SELECT * FROM account WHERE id = $1 AND enabled AND EXISTS (
            SELECT 1 FROM session WHERE session.account_id = account.id AND family = $2
            AND revoked_at IS NULL AND expires_at > now())"""
    account = await rows.one(records.Account, sql, account_id, family)
    return None if account is None else of_account(account, family)


def of_account(account: records.Account, family: uuid.UUID) -> Principal:
    """The principal of an account in one of its sessions."""
    return Principal(
        account_id=str(account.id),
        email=account.email,
        full_name=account.full_name,
        roles=frozenset(account.roles),
        session_id=str(family),
    )
