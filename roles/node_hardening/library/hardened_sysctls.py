#!/usr/bin/python
"""Keeps kernel settings in a drop-in that is read last, live, and free of contradiction in others' files."""

from __future__ import annotations

DOCUMENTATION = r"""
module: hardened_sysctls
short_description: Keep kernel settings on disk and live, and comment out what contradicts them
description: >-
  Writes a drop-in of Keelyard's, sets live values, and comments out lines of the administrator's own sysctl files that say
  otherwise. When it is not wanted, the drop-in goes and those lines come back; live values stay until the node restarts.
options:
  name:
    description: Names the drop-in.
    type: str
    required: true
  values:
    description: Settings and their values. Those that this kernel does not have are left out live.
    type: dict
    required: true
  everywhere:
    description: Names of settings below net.ipv4.conf that every interface takes live as well.
    type: list
    elements: str
    default: []
  wanted:
    description: Whether the settings are to be.
    type: bool
    default: true
  lab:
    description: A container's settings may be read-only; what cannot be set live is told, not failed.
    type: bool
    default: false
"""

import glob
import os

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.keelyard import Owned, write_text
from ansible.module_utils.keelyard_overruled import MARK, OWN_SYSCTLS, SYSCTLS, files, other_sysctl, rewrite, silenced, spoken

DIRECTORY = "/etc/sysctl.d"


def rewrite_others(module, change):
    """Rewrites those of the administrator's files that a change makes different; returns their paths."""
    return rewrite(module, files(SYSCTLS, [OWN_SYSCTLS]), change)


def drop_in(values, everywhere):
    """The file's text. Interfaces that are there before it is read keep the kernel's own values, so each is named by a glob (sysctl.d(5))."""
    lines = ["%s = %s" % item for item in sorted(values.items())]
    lines += ["-net.ipv4.conf.*.%s = %s" % (name, values["net.ipv4.conf.all." + name]) for name in everywhere]
    return "\n".join(["# Written by Keelyard.", *lines]) + "\n"


def live_paths(values, everywhere):
    """Path below /proc/sys → wanted value."""
    paths = {"/proc/sys/" + name.replace(".", "/"): str(value) for name, value in values.items()}
    for name in everywhere:
        value = str(values["net.ipv4.conf.all." + name])
        paths.update((path, value) for path in glob.glob("/proc/sys/net/ipv4/conf/*/" + name))
    return {path: value for path, value in paths.items() if os.path.exists(path)}


def set_live(module, path, value):
    """Sets one live value; returns (changed, why not)."""
    try:
        with open(path, encoding="utf-8") as stream:
            if stream.read().split() == value.split():
                return False, ""
        if not module.check_mode:
            with open(path, "w", encoding="utf-8") as stream:
                stream.write(value)
    except FileNotFoundError:
        return False, ""  # an interface that went away meanwhile
    except OSError as reason:
        return False, "%s: %s" % (path, reason)
    return True, ""


def write_own(module, path, content):
    """Writes the drop-in when it differs; returns whether it did."""
    try:
        with open(path, encoding="utf-8") as stream:
            if stream.read() == content:
                return False
    except FileNotFoundError:
        pass
    if not module.check_mode:
        write_text(path, content, 0o644)
        owned = Owned()
        owned.put(path, kind="file")
        owned.save()
    return True


def drop_own(module, path):
    """Removes the drop-in; returns whether it was there."""
    if not os.path.exists(path):
        return False
    if not module.check_mode:
        os.unlink(path)
        owned = Owned()
        owned.drop(path)
        owned.save()
    return True


def keep(module, path, mark, values):
    """Brings files and live values; returns what changed."""
    everywhere = module.params["everywhere"]
    changed = [path] if write_own(module, path, drop_in(values, everywhere)) else []
    changed += rewrite_others(module, lambda text: silenced(text, mark, lambda line: other_sysctl(line, values)))
    refused = []
    for live, value in sorted(live_paths(values, everywhere).items()):
        did, why = set_live(module, live, value)
        changed += [live] if did else []
        refused += [why] if why else []
    if refused and not module.params["lab"]:
        module.fail_json(msg="Kernel settings cannot be set: %s" % "; ".join(refused))
    return changed, refused


def main():
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "values": {"type": "dict", "required": True},
            "everywhere": {"type": "list", "elements": "str", "default": []},
            "wanted": {"type": "bool", "default": True},
            "lab": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    name, values = module.params["name"], module.params["values"]
    path, mark = "%s/%s-%s.conf" % (DIRECTORY, OWN_SYSCTLS, name), MARK % name
    refused = []
    if module.params["wanted"] and values:
        changed, refused = keep(module, path, mark, values)
    else:
        changed = [path] if drop_own(module, path) else []
        changed += rewrite_others(module, lambda text: spoken(text, mark))
    diff = {"before": "", "after": "".join("%s\n" % each for each in changed)}
    module.exit_json(changed=bool(changed), changed_files=changed, refused=refused, diff=diff)


if __name__ == "__main__":
    main()
