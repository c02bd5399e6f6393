#!/usr/bin/python
"""Brings kernel modules, sysctls and swap to what Kubernetes needs, by value and not by file."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kernel_state
short_description: Bring kernel modules, sysctls and swap to what Kubernetes needs
description: >-
  Compares live values and sets what differs. Built-in modules count as loaded. Lines of the administrator's own files that turn
  these modules off or set these values otherwise, as on nodes that were hardened before, are commented out.
options:
  modules:
    description: Kernel features that must be there.
    type: list
    elements: str
    default: []
  sysctls:
    description: Wanted live values.
    type: dict
    default: {}
  swap_off:
    description: Turn swap off, now and in fstab.
    type: bool
    default: false
"""

import os
import re

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.keelyard import PATH, tail, write_text
from ansible.module_utils.keelyard_overruled import (
    MARK as OVERRULED,
    MODULES,
    OWN_SYSCTLS,
    SYSCTLS,
    files,
    other_sysctl,
    rewrite,
    silenced,
    turns_off,
)

FSTAB = "/etc/fstab"
MARK = "# keelyard: "
ABSENT = "(not there)"


def is_loaded(name):
    """Whether a module is loaded or built in, as far as its traces in the file systems tell."""
    if os.path.isdir("/sys/module/" + name):
        return True
    if name == "br_netfilter":
        return os.path.exists("/proc/sys/net/bridge/bridge-nf-call-iptables")
    with open("/proc/filesystems", encoding="utf-8") as stream:
        return name in stream.read().split()


def load(module, name):
    """Loads a module when it is not there; returns whether it had to."""
    if is_loaded(name):
        return False
    if not module.check_mode:
        code, _, err = module.run_command(["modprobe", name], environ_update={"PATH": PATH})
        if code:
            module.fail_json(
                msg="The kernel has no %s: %s Install the kernel's extra modules (kernel-modules-extra, linux-modules-extra) "
                "or a kernel that has it, then retry." % (name, tail(err))
            )
        if not is_loaded(name):
            module.fail_json(
                msg="modprobe %s ends well, and the kernel does not have it: a rule turns it off. Find it with "
                "`modprobe --showconfig | grep -w %s`, take it away and retry." % (name, name)
            )
    return True


def set_sysctl(module, key, value, awaited):
    """Sets one sysctl when its live value differs; returns the value before, None when nothing had to be done.

    In check mode a sysctl may be missing because the module that brings it is not loaded yet.
    """
    path = "/proc/sys/" + key.replace(".", "/")
    if module.check_mode and awaited and not os.path.exists(path):
        return ABSENT
    try:
        with open(path, encoding="utf-8") as stream:
            before = " ".join(stream.read().split())
        if before.split() == value.split():
            return None
        if not module.check_mode:
            with open(path, "w", encoding="utf-8") as stream:
                stream.write(value)
    except OSError as reason:
        module.fail_json(msg="sysctl %s cannot be set to %s: %s" % (key, value, reason))
    return before


def overrule(module, modules, values):
    """Comments out what would turn modules off or set values otherwise at the next boot, or now; returns the files."""
    mark = OVERRULED % "node"
    rules = rewrite(module, files(MODULES), lambda text: silenced(text, mark, lambda line: turns_off(line, modules)))
    sysctls = files(SYSCTLS, [OWN_SYSCTLS])
    return rules + rewrite(module, sysctls, lambda text: silenced(text, mark, lambda line: other_sysctl(line, values)))


def swap_off(module):
    """Turns swap off and comments its fstab lines out, so that deprovision can bring them back; returns what it did."""
    done = []
    with open("/proc/swaps", encoding="utf-8") as stream:
        active = [line.split()[0] for line in stream.read().splitlines()[1:]]
    if active:
        done.append("swap off: " + " ".join(active))
        if not module.check_mode:
            code, _, err = module.run_command(["swapoff", "-a"], environ_update={"PATH": PATH})
            if code:
                module.fail_json(msg="Swap cannot be turned off: %s Free memory on the node and retry." % tail(err))
    if os.path.exists(FSTAB):
        with open(FSTAB, encoding="utf-8") as stream:
            before = stream.read()
        after = re.sub(r"(?m)^(?=[^#\n]*\sswap\s)", MARK, before)
        if after != before:
            done.append("fstab")
            if not module.check_mode:
                write_text(FSTAB, after, 0o644)
    return done


def main():
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "modules": {"type": "list", "elements": "str", "default": []},
            "sysctls": {"type": "dict", "default": {}},
            "swap_off": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    wanted = {key: str(value) for key, value in module.params["sysctls"].items()}
    overruled = overrule(module, module.params["modules"], wanted)
    loaded = [name for name in module.params["modules"] if load(module, name)]
    before = {key: set_sysctl(module, key, wanted[key], loaded) for key in wanted}
    applied = [key for key in wanted if before[key] is not None]
    swapped = swap_off(module) if module.params["swap_off"] else []
    diff = {
        "before": "".join(["%s = %s\n" % (key, before[key]) for key in applied] + ["%s: on\n" % what for what in swapped]),
        "after": "".join(
            ["module %s\n" % name for name in loaded]
            + ["%s = %s\n" % (key, wanted[key]) for key in applied]
            + ["%s: off\n" % what for what in swapped]
            + ["%s: what says otherwise is commented out\n" % path for path in overruled]
        ),
    }
    reasons = ["module " + name for name in loaded] + ["%s = %s" % (key, wanted[key]) for key in applied] + swapped
    reasons += ["overruled " + path for path in overruled]
    declared = {}
    if module.check_mode and ABSENT in before.values():
        declared["declared"] = "loads %s and sets the sysctls that come with it" % ", ".join(loaded)
    module.exit_json(
        changed=bool(reasons), reasons=reasons, loaded=loaded, sysctls=applied, swap=swapped, overruled=overruled, diff=diff, **declared
    )


if __name__ == "__main__":
    main()
