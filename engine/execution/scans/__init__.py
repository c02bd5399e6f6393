"""Reads what scanners left in the output of a run."""

from engine.execution.scans.reading import read

__all__ = ["read"]
