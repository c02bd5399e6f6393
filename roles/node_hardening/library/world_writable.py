#!/usr/bin/python
"""Finds what everybody may write on the node's own file systems and takes that away."""

from __future__ import annotations

DOCUMENTATION = r"""
module: world_writable
short_description: Close files and directories that everybody may write
description: >-
  Files lose the right of others to write; directories that everybody may write get the sticky bit. Only local file systems are
  looked at, without what C(exclude) names.
options:
  exclude:
    description: Directories that are left alone with all below them.
    type: list
    elements: str
    default: []
"""

import os
import stat

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.keelyard_sweep import everything


def open_ones(exclude):
    """What everybody may write carelessly, with the mode it is to have."""
    for path, state in everything(exclude):
        if not state.st_mode & stat.S_IWOTH:
            continue
        if stat.S_ISDIR(state.st_mode) and not state.st_mode & stat.S_ISVTX:
            yield path, stat.S_IMODE(state.st_mode) | stat.S_ISVTX
        elif stat.S_ISREG(state.st_mode):
            yield path, stat.S_IMODE(state.st_mode) & ~stat.S_IWOTH


def main():
    """Entry point."""
    module = AnsibleModule(
        argument_spec={"exclude": {"type": "list", "elements": "str", "default": []}}, supports_check_mode=True
    )
    changes = []
    for path, mode in open_ones(module.params["exclude"]):
        if not module.check_mode:
            try:
                os.chmod(path, mode)
            except FileNotFoundError:
                continue
            except OSError as reason:
                module.fail_json(msg="%s Mend the file system on the node, then retry." % reason)
        changes.append("%s -> %04o" % (path, mode))
    module.exit_json(changed=bool(changes), changes=changes[:50], count=len(changes))


if __name__ == "__main__":
    main()
