#!/usr/bin/python
"""Closes files to those who have no business with them: an owner, and modes that are at most as wide as told."""

from __future__ import annotations

DOCUMENTATION = r"""
module: tight_files
short_description: Bring owner and mode of files that are there to at most what is told
description: What is tighter already stays so. Patterns may match nothing. Symbolic links are left alone.
options:
  rules:
    description: Each with path (a pattern; C(**) reaches into directories), and owner (user and group) or mode.
    type: list
    elements: dict
    required: true
"""

import glob
import grp
import os
import pwd
import stat

from ansible.module_utils.basic import AnsibleModule


def account(name):
    """Ids of a user and of the group of the same name, None when there is no such user."""
    try:
        return pwd.getpwnam(name).pw_uid, grp.getgrnam(name).gr_gid
    except KeyError:
        return None


def wrong(path, rule, accounts=account):
    """What of a rule a file does not keep to: ("owner", (uid, gid)), ("mode", bits) or None."""
    found = os.lstat(path)
    if stat.S_ISLNK(found.st_mode):
        return None
    if rule.get("owner"):
        wanted = accounts(rule["owner"])
        return ("owner", wanted) if wanted and (found.st_uid, found.st_gid) != wanted else None
    mode, most = stat.S_IMODE(found.st_mode), int(str(rule["mode"]), 8)
    return ("mode", mode & most) if mode & ~most and (os.path.isfile(path) or most & 0o100) else None


def main():
    """Entry point."""
    module = AnsibleModule(argument_spec={"rules": {"type": "list", "elements": "dict", "required": True}}, supports_check_mode=True)
    diffs = []
    for rule in module.params["rules"]:
        for path in sorted(glob.glob(rule["path"], recursive=True)):
            try:
                fault = wrong(path, rule)
                if fault and not module.check_mode:
                    os.chown(path, *fault[1], follow_symlinks=False) if fault[0] == "owner" else os.chmod(path, fault[1])
            except FileNotFoundError:
                continue  # a pod that ended took its file along
            if fault:
                after = "owner %s\n" % rule["owner"] if fault[0] == "owner" else "mode %04o\n" % fault[1]
                diffs.append({"before_header": path, "after_header": path, "before": "wider\n", "after": after})
    module.exit_json(changed=bool(diffs), diff=diffs, changed_files=[diff["after_header"] for diff in diffs])


if __name__ == "__main__":
    main()
