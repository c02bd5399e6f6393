"""Rows of SSH credentials."""

from __future__ import annotations

import uuid

from engine.store import database, records, rows


async def add(credential: records.SshCredential) -> None:
    """Write the credential of a new cluster."""
    await rows.insert("ssh_credential", credential)


async def of_cluster(cluster_id: uuid.UUID) -> records.SshCredential | None:
    """The credential of a cluster."""
    return await rows.one(
        records.SshCredential, "SELECT * FROM ssh_credential WHERE cluster_id = $1", cluster_id
    )


async def forget(cluster_id: uuid.UUID) -> None:
    """Delete the credential of a cluster that is gone."""
    await database.fetch("DELETE FROM ssh_credential WHERE cluster_id = $1", cluster_id)
