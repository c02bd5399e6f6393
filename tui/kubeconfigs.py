"""Saving a kubeconfig: a key to the whole cluster, so its owner's alone, and it never replaces a file."""

from __future__ import annotations

from pathlib import Path

from tui import files


def suggested_path(cluster_name: str) -> str:
    """Where the terminal proposes to save it."""
    return f"./{Path(cluster_name).name}-kubeconfig.yaml"


def save(content: str, path: str) -> Path:
    """Writes a new file, mode 0600, and returns where. Raises OSError; FileExistsError when there is one."""
    return files.save(content, path)
