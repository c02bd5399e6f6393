#!/usr/bin/python
"""Enables profiles of pam-auth-update (Debian and Ubuntu), also where somebody edited the stacks by hand."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pam_profiles
short_description: Enable profiles of pam-auth-update
description: >-
  Enables profiles and disables others that bring the same PAM modules in. Where the stacks were edited by hand, pam-auth-update
  leaves them alone; then they are written anew from the enabled profiles, and the edited ones stay beside them as *.pam-old.
options:
  enable:
    description: Profiles that are to be enabled; their files exist already.
    type: list
    elements: str
    default: []
  disable:
    description: Profiles that are not to be enabled.
    type: list
    elements: str
    default: []
  only:
    description: PAM modules that no profile but those under C(enable) may bring in.
    type: list
    elements: str
    default: []
"""

import os
import re

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.keelyard import PATH

PROFILES = "/usr/share/pam-configs"
STACKS = ["/etc/pam.d/common-" + name for name in ("auth", "account", "password", "session", "session-noninteractive")]
SAVED = "/var/lib/pam"


def read(path):
    """A file's text, empty when there is none."""
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read()
    except OSError:
        return ""


def enabled():
    """The profiles that pam-auth-update last wrote into the stacks."""
    kinds = ("auth", "account", "password", "session")
    return {name for kind in kinds for name in re.findall(r"^Module: (\S+)$", read(os.path.join(SAVED, kind)), re.MULTILINE)}


def rivals(modules, wanted):
    """Enabled profiles, other than the wanted ones, that bring in one of some modules."""
    return sorted(
        name
        for name in enabled() - set(wanted)
        if any(re.search(r"\b%s\b" % re.escape(one), read(os.path.join(PROFILES, name))) for one in modules)
    )


def lines(name):
    """The PAM lines of a profile, as module and first argument, for each stack it is to be found in."""
    found, kind = [], ""
    for line in read(os.path.join(PROFILES, name)).splitlines():
        head = re.match(r"(Auth|Account|Password|Session)(-Final)?:\s*$", line)
        if head:
            kind = head.group(1).lower()
        elif line[:1].isspace() and kind:
            arguments = re.split(r"\s+", re.sub(r"^\s*(\[[^]]*\]|\S+)\s+", "", line).strip())
            found.append((kind, arguments))
        elif line.strip():
            kind = ""
    return found


def present(name):
    """Whether all lines of a profile are in the stacks with their arguments; a changed profile counts as absent."""
    for kind, arguments in lines(name):
        stack = read("/etc/pam.d/common-" + kind)
        candidates = re.findall(r"^%s\s+(?:\[[^]]*\]|\S+)\s+%s\b(.*)$" % (kind, re.escape(arguments[0])), stack, re.MULTILINE)
        # Options of pam_unix are set line by line in the stacks, which pam-auth-update keeps.
        options = set() if arguments[0] == "pam_unix.so" else set(arguments[1:])
        if not any(options <= set(candidate.split()) for candidate in candidates):
            return False
    return True


def update(module, wanted, unwanted, force):
    """Runs pam-auth-update; `force` writes stacks anew that were edited by hand."""
    command = ["pam-auth-update", "--package", *(["--force"] if force else [])]
    command += ["--enable", *wanted] if wanted else []
    command += ["--disable", *unwanted] if unwanted else []
    environment = {"PATH": PATH, "DEBIAN_FRONTEND": "noninteractive"}
    code, out, err = module.run_command(command, environ_update=environment)
    if code:
        module.fail_json(msg="pam-auth-update failed: %s Mend the cause on the node, then retry." % (out + err).strip())


def main():
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "enable": {"type": "list", "elements": "str", "default": []},
            "disable": {"type": "list", "elements": "str", "default": []},
            "only": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    wanted = module.params["enable"]
    unwanted = sorted(set(rivals(module.params["only"], wanted)) | (set(module.params["disable"]) & enabled()))
    missing = [name for name in wanted if name not in enabled() or not present(name)]
    if not missing and not unwanted:
        module.exit_json(changed=False, replaced_edits=False)
    if module.check_mode:
        module.exit_json(changed=True, replaced_edits=False, enabled=missing, disabled=unwanted)
    update(module, wanted, unwanted, force=False)
    edited = not all(present(name) for name in wanted) or bool(set(unwanted) & enabled())
    if edited:
        update(module, wanted, unwanted, force=True)
        still = [name for name in wanted if not present(name)]
        if still:
            module.fail_json(msg="pam-auth-update did not enable %s. Look at /etc/pam.d/common-* on the node." % ", ".join(still))
    module.exit_json(changed=True, replaced_edits=edited, enabled=missing, disabled=unwanted)


if __name__ == "__main__":
    main()
