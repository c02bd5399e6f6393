"""Saving a kubeconfig: a key to the whole cluster, so its owner's alone, and it never replaces a file."""

from __future__ import annotations

import os
from pathlib import Path


def suggested_path(cluster_name: str) -> str:
    """Where the terminal proposes to save it."""
    return f"./{Path(cluster_name).name}-kubeconfig.yaml"


def save(content: str, path: str) -> Path:
    """Writes a new file, mode 0600, and returns where. Raises OSError; FileExistsError when there is one."""
    target = Path(path).expanduser().absolute()
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(content)
    return target
