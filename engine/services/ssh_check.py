"""Tries to log in to nodes before anything is done with them, and shows the host keys they present."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import msgspec

from engine.domain import permissions, spec_rules
from engine.domain.errors import InvalidSpec
from engine.domain.permissions import Permission
from engine.domain.specs import NodeSpec, SshSecrets
from engine.execution import ssh
from engine.services import audit_log, own_machine
from engine.services.identity import Caller
from engine.store import database

LOGIN_SECONDS = 8  # one login; the scan for host keys before it takes at most 5
ALL_SECONDS = 20.0
AT_ONCE = 32


class NodeReport(msgspec.Struct, frozen=True, kw_only=True):
    """How one login went."""

    node: str
    ip_address: str
    success: bool
    message: str
    host_keys: tuple[ssh.HostKey, ...] = ()


async def test(
    nodes: Sequence[NodeSpec], username: str, secrets: SshSecrets, caller: Caller
) -> list[NodeReport]:
    """Log in to every node at the same time; one report per node, in their order, within a bounded time.

    Raises InvalidSpec, Forbidden.
    """
    assert caller.principal is not None
    permissions.require(caller.principal, Permission.CLUSTER_TEST_SSH)
    found = [
        *spec_rules.node_problems(tuple(nodes), own_machine.addresses()),
        *spec_rules.access_problems(username, secrets),
    ]
    if found:
        raise InvalidSpec(found)
    reports = await _log_in_everywhere(nodes, username, secrets)
    details = {
        "username": username,
        "nodes": {report.ip_address: report.success for report in reports},
    }
    async with database.transaction():
        resource = audit_log.Resource("node", name=", ".join(report.node for report in reports))
        await audit_log.record(caller, Permission.CLUSTER_TEST_SSH.value, resource, details=details)
    return reports


async def _log_in_everywhere(
    nodes: Sequence[NodeSpec], username: str, secrets: SshSecrets
) -> list[NodeReport]:
    loop = asyncio.get_running_loop()
    pool = ThreadPoolExecutor(max_workers=min(AT_ONCE, len(nodes)), thread_name_prefix="test-ssh")
    try:
        tasks = [loop.run_in_executor(pool, _log_in, node, username, secrets) for node in nodes]
        await asyncio.wait(tasks, timeout=ALL_SECONDS)
        return [
            await task if task.done() else _too_slow(node) for task, node in zip(tasks, nodes, strict=True)
        ]
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _log_in(node: NodeSpec, username: str, secrets: SshSecrets) -> NodeReport:
    place = ssh.Place(node.ip_address, node.ssh_port)
    result = ssh.try_login(place, username, secrets, expected=node.host_keys, timeout=LOGIN_SECONDS)
    message = f"Connected successfully. Hostname: {result.hostname}" if result.success else result.message
    return NodeReport(
        node=node.name,
        ip_address=node.ip_address,
        success=result.success,
        message=message,
        host_keys=result.host_keys,
    )


def _too_slow(node: NodeSpec) -> NodeReport:
    return NodeReport(
        node=node.name,
        ip_address=node.ip_address,
        success=False,
        message=f"{node.ip_address} did not finish the SSH login within {ALL_SECONDS:.0f} s.",
    )
