"""What Keelyard's own machine is called on the network, so that it is never taken for a node."""

from __future__ import annotations

import socket

import psutil


def addresses() -> frozenset[str]:
    """Every address of every interface of this machine."""
    return frozenset(
        entry.address.partition("%")[0]
        for entries in psutil.net_if_addrs().values()
        for entry in entries
        if entry.family in (socket.AF_INET, socket.AF_INET6)
    )
