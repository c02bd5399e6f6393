#!/usr/bin/python
"""Adds options to a file system that is mounted already, for now and for the next start."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mount_options
short_description: Add options to a mounted file system, now and at the next start
description: >-
  Does nothing where the path is no file system of its own. Options are only ever added: what an administrator set stays, and what
  was added stays when an item is turned off.
options:
  path:
    description: Where it is mounted.
    type: str
    required: true
  options:
    description: Options to add.
    type: list
    elements: str
    default: []
  lab:
    description: A container's file systems are its machine's; what cannot be mounted anew is told, not failed.
    type: bool
    default: false
"""

import os
import re

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.keelyard import PATH, tail, write_text

FSTAB = "/etc/fstab"
MOUNTS = "/proc/self/mounts"
TABLE_LINE = re.compile(r"^(\s*\S+\s+)(\S+)(\s+\S+\s+)(\S+)(.*)$", re.DOTALL)
OPPOSITES = {"nodev": "dev", "nosuid": "suid", "noexec": "exec"}


def mounted(path, text):
    """File system type and options of the uppermost mount at a path, or (None, [])."""
    found = None, []
    for line in text.splitlines():
        parts = line.split()
        if len(parts) > 3 and parts[1] == path:
            found = parts[2], parts[3].split(",")
    return found


def with_options(current, wanted):
    """Comma-separated options with those added that are missing, and their opposites taken out."""
    kept = [option for option in current.split(",") if option not in [OPPOSITES.get(each) for each in wanted]]
    return ",".join(kept + [option for option in wanted if option not in kept])


def table_with(text, path, kind, options):
    """fstab with the options; a line is added where there is none and the file system needs no device."""
    lines, found = text.splitlines(keepends=True), False
    for number, line in enumerate(lines):
        parts = TABLE_LINE.match(line)
        if parts and not line.lstrip().startswith("#") and parts.group(2) == path:
            found = True
            lines[number] = "%s%s%s%s%s" % (*parts.group(1, 2, 3), with_options(parts.group(4), options), parts.group(5))
    if not found and kind == "tmpfs":
        if lines and not lines[-1].endswith("\n"):
            lines[-1] += "\n"
        lines.append("tmpfs %s tmpfs %s 0 0\n" % (path, with_options("defaults", options)))
    return "".join(lines)


def main():
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "str", "required": True},
            "options": {"type": "list", "elements": "str", "default": []},
            "lab": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    path, options = module.params["path"], module.params["options"]
    with open(MOUNTS, encoding="utf-8") as stream:
        kind, current = mounted(path, stream.read())
    if kind is None or not options:
        module.exit_json(changed=False, refused="")
    before = ""
    if os.path.exists(FSTAB):
        with open(FSTAB, encoding="utf-8") as stream:
            before = stream.read()
    after = table_with(before, path, kind, options)
    if after != before and not module.check_mode:
        write_text(FSTAB, after, 0o644)
    missing = [option for option in options if option not in current]
    refused = ""
    if missing and not module.check_mode:
        code, out, err = module.run_command(
            ["mount", "-o", "remount,%s" % ",".join(options), path], environ_update={"PATH": PATH}
        )
        refused = tail(out + err) if code else ""
        if refused and not module.params["lab"]:
            module.fail_json(msg="%s cannot be mounted with %s: %s" % (path, ",".join(missing), refused))
    diff = {"before_header": FSTAB, "after_header": FSTAB, "before": before, "after": after}
    module.exit_json(changed=after != before or (bool(missing) and not refused), refused=refused, diff=diff)


if __name__ == "__main__":
    main()
