"""Throwaway nodes on this machine: real systemd, real sshd, own addresses."""

from engine.lab.lifecycle import LabStatus, down, status, up
from engine.lab.records import Lab, LabNode, load, load_all
from engine.lab.spec import create_request, inventory

__all__ = [
    "Lab",
    "LabNode",
    "LabStatus",
    "create_request",
    "down",
    "inventory",
    "load",
    "load_all",
    "status",
    "up",
]
