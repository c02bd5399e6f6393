#!/usr/bin/python
"""Writes the audit rules for privileged commands, and has the kernel take the rules on disk over."""

from __future__ import annotations

DOCUMENTATION = r"""
module: audit_rules
short_description: Write audit rules for privileged commands, or load the rules on disk
description: >-
  With C(privileged), writes a file with one rule for each program of the node that runs with another user's or group's rights.
  Without it, puts the files of rules together and has the kernel take them over, which it refuses once its rules are locked.
options:
  privileged:
    description: The file for the rules of privileged commands; empty means to load.
    type: str
    default: ""
  wanted:
    description: Whether the file is to be there.
    type: bool
    default: true
  exclude:
    description: Directories whose programs are those of pods.
    type: list
    elements: str
    default: []
  load:
    description: Whether the kernel is to take the rules over; off in containers, which have no audit log of their own.
    type: bool
    default: true
"""

import os
import re
import stat

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.keelyard import PATH, Owned, write_text
from ansible.module_utils.keelyard_sweep import everything

RULE = "-a always,exit -F path=%s -F perm=x -F auid>=1000 -F auid!=unset -k privileged\n"


def privileged_programs(exclude):
    """The programs that run with another user's or group's rights."""
    return sorted(
        path
        for path, state in everything(exclude, without=("nosuid", "noexec"))
        if stat.S_ISREG(state.st_mode) and state.st_mode & (stat.S_ISUID | stat.S_ISGID) and " " not in path
    )


def write_privileged(module):
    """Brings the file of rules for privileged programs to what is installed now."""
    path = module.params["privileged"]
    try:
        with open(path, encoding="utf-8") as stream:
            before = stream.read()
    except FileNotFoundError:
        before = ""
    after = ""
    if module.params["wanted"]:
        programs = privileged_programs(module.params["exclude"])
        after = "# Written by Keelyard.\n" + "".join(RULE % program for program in programs)
    if before != after and not module.check_mode:
        owned = Owned()
        if after:
            write_text(path, after, 0o640)
            owned.put(path, kind="file")
        else:
            os.unlink(path)
            owned.drop(path)
        owned.save()
    diff = {"before_header": path, "after_header": path, "before": before, "after": after}
    module.exit_json(changed=before != after, diff=diff)


def run(module, *command):
    """Exit code and output of a command."""
    code, out, err = module.run_command(list(command), environ_update={"PATH": PATH, "LC_ALL": "C"})
    return code, (out + err).strip()


def load(module):
    """Has the kernel take over what is on disk, as far as it lets anybody."""
    _, said = run(module, "augenrules", "--check")
    stale = "should be updated" in said
    if not stale:
        module.exit_json(changed=False, needs_restart=False)
    locked = module.params["load"] and bool(re.search(r"(?m)^enabled 2$", run(module, "auditctl", "-s")[1]))
    if not module.check_mode:
        code, said = run(module, "augenrules", *(["--load"] if module.params["load"] and not locked else []))
        if code and not locked and module.params["load"]:
            module.fail_json(msg="The audit rules cannot be loaded: %s Mend the rule that is named, then retry." % said)
    module.exit_json(changed=True, needs_restart=locked)


def main():
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "privileged": {"type": "str", "default": ""},
            "wanted": {"type": "bool", "default": True},
            "exclude": {"type": "list", "elements": "str", "default": []},
            "load": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    if module.params["privileged"]:
        write_privileged(module)
    if not os.path.exists("/sbin/augenrules") and not os.path.exists("/usr/sbin/augenrules"):
        module.exit_json(changed=module.check_mode, needs_restart=False)
    load(module)


if __name__ == "__main__":
    main()
