"""Leaves results of a run on the controller. Works in the controller's process, so it costs no connection and no fork."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from ansible.plugins.action import ActionBase


def leave(path, content, mode):
    """Replaces a file in one step; directories that are missing are made for their owner alone."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.touch(mode=mode)
    partial.chmod(mode)
    partial.write_text(content, encoding="utf-8")
    partial.replace(path)


class ActionModule(ActionBase):
    """`files`: a list of path, content and mode (default 0600). `discard`: directories of the run to remove.

    Never reports a change: the nodes are what changes.
    """

    _VALID_ARGS = frozenset({"files", "discard"})
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        """Writes the files."""
        result = super().run(tmp, task_vars)
        for directory in self._task.args.get("discard") or []:
            shutil.rmtree(directory, ignore_errors=True)
        for item in self._task.args.get("files") or []:
            leave(Path(item["path"]), item["content"], int(item.get("mode", "0600"), 8))
        return {**result, "changed": False}
