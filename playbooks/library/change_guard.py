#!/usr/bin/python
"""Guards a change that could lock its owner out: the node itself undoes what nobody confirmed."""

from __future__ import annotations

DOCUMENTATION = r"""
module: change_guard
short_description: Undo a dangerous change by a timer on the node unless it is confirmed over a new connection
description: >-
  C(begin) keeps copies of files and arms a timer and a service that runs at boot, both on the node. C(apply) checks the new files
  and has them read. C(confirm) does that, too, if it was not done, opens a new connection and disarms. Whatever dies in between,
  the node puts the copies back. C(rollback) puts them back at once. Nothing is reloaded when no file differs.
options:
  name:
    description: Name of the guard, one for each set of files.
    type: str
    required: true
  state:
    description: The step.
    type: str
    choices: [begin, apply, confirm, rollback]
    required: true
  paths:
    description: Files and directories that come back, absent ones as absent.
    type: list
    elements: str
    default: []
  validate:
    description: Shell command that fails when the new files are wrong.
    type: str
    default: ""
  reload:
    description: Shell command that has the new files read.
    type: str
    default: ""
  undo:
    description: Shell command that has the old files read; empty means that of C(reload).
    type: str
    default: ""
  seconds:
    description: How long the node waits for the confirmation once the files are read.
    type: int
    default: 90
  longest:
    description: How long the node waits for the files to be read once their copies are kept.
    type: int
    default: 900
"""

import datetime
import fcntl
import filecmp
import json
import os
import re
import shlex
import shutil
import stat
import time

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.keelyard import PATH, read_json, tail, write_text

GUARDS = "/var/lib/keelyard/guards"
UNITS = "/etc/systemd/system"
# At boot the files come back before anything reads them, so nothing has to be reloaded.
BOOT_UNIT = """# Written by Keelyard: a change that nobody confirmed does not survive a restart.
[Unit]
Description=Put back the files of Keelyard's guard %(name)s
DefaultDependencies=no
After=local-fs.target
Before=sysinit.target network-pre.target
RequiresMountsFor=%(home)s

[Service]
Type=oneshot
ExecStart=/bin/sh %(home)s/rollback boot
"""
SCRIPT = """#!/bin/sh
# Written by Keelyard: puts back what a change replaced that nobody confirmed.
PATH=%(path)s
cd %(home)s || exit 1
exec 9>lock
flock 9
[ -e armed ] || exit 0
back() { # copy path
  if [ -d "$1" ] && [ ! -L "$1" ]; then
    mkdir -p "$2"
    (cd "$2" && find . ! -type d) | while IFS= read -r file; do [ -e "%(home)s/$1/$file" ] || [ -L "%(home)s/$1/$file" ] || rm -f "$2/$file"; done
  else
    rm -rf "$2"
  fi
  if [ -e "$1" ] || [ -L "$1" ]; then cp -a -T --remove-destination "$1" "$2"; fi
}
%(backs)s
rm -f armed %(boot_unit)s %(boot_link)s
date +%%s >rolled_back
sync
[ "${1:-}" = boot ] && exit 0
systemctl daemon-reload
%(undo)s
"""


class Guard:
    """One guard's place on the node."""

    def __init__(self, module):
        self.module = module
        self.name = module.params["name"]
        if not re.match(r"^[a-z][a-z0-9-]*\Z", self.name):
            module.fail_json(
                msg="%r is no name for a guard; use small letters, digits and dashes." % self.name
            )
        self.home = os.path.join(GUARDS, self.name)
        self.unit = "keelyard-guard-" + self.name
        self.boot_unit = "%s/%s-boot.service" % (UNITS, self.unit)
        self.boot_link = "%s/sysinit.target.wants/%s-boot.service" % (UNITS, self.unit)

    def at(self, *parts):
        """A path below the guard's own directory."""
        return os.path.join(self.home, *parts)

    def settings(self):
        """What `begin` was told."""
        return read_json(self.at("guard.json"), {})

    def is_armed(self):
        """Whether the node would still roll back."""
        return os.path.exists(self.at("armed"))

    def locked(self):
        """Holds the lock that the rollback takes as well, until the process ends."""
        self._lock = open(self.at("lock"), "w")  # held open for the lock's sake
        fcntl.flock(self._lock, fcntl.LOCK_EX)

    def run(self, command):
        """Runs a shell command; returns exit code and output."""
        code, out, err = self.module.run_command(["/bin/sh", "-c", command], environ_update={"PATH": PATH})
        return code, tail(out + err)

    def arm(self, seconds):
        """Starts the timer anew; returns when it goes off, in UTC."""
        quoted = shlex.quote(self.unit)
        self.run("systemctl stop %s.timer; systemctl reset-failed %s.service" % (quoted, quoted))
        code, out = self.run(
            "systemd-run --quiet --collect --unit=%s --on-active=%d --timer-property=AccuracySec=1s /bin/sh %s timer"
            % (quoted, seconds, shlex.quote(self.at("rollback")))
        )
        if code:
            self.module.fail_json(
                msg="The node's own timer cannot be started, so nothing was changed: %s" % out
            )
        due = datetime.datetime.fromtimestamp(time.time() + seconds, datetime.timezone.utc)
        return due.strftime("%H:%M:%S UTC")

    def disarm(self):
        """The change stays."""
        for path in (self.at("armed"), self.boot_link, self.boot_unit):
            if os.path.lexists(path):
                os.unlink(path)
        self.run("systemctl stop %s.timer" % shlex.quote(self.unit))

    def roll_back(self):
        """Puts the copies back now; returns what went wrong, if anything."""
        code, out = self.run(
            "/bin/sh %s now; systemctl stop %s.timer" % (shlex.quote(self.at("rollback")), self.unit)
        )
        return out if code else ""


def same(path, copy):
    """Whether a path is still what its copy holds."""
    if not os.path.lexists(path) or not os.path.lexists(copy):
        return os.path.lexists(path) == os.path.lexists(copy)
    one, other = os.lstat(path), os.lstat(copy)
    if (one.st_mode, one.st_uid, one.st_gid) != (other.st_mode, other.st_uid, other.st_gid):
        return False
    if stat.S_ISLNK(one.st_mode):
        return os.readlink(path) == os.readlink(copy)
    if stat.S_ISDIR(one.st_mode):
        names = set(os.listdir(path)) | set(os.listdir(copy))
        return all(same(os.path.join(path, name), os.path.join(copy, name)) for name in names)
    return filecmp.cmp(path, copy, shallow=False)


def script(guard, paths, undo):
    """The shell script that puts everything back."""
    backs = "\n".join("back copies/%d %s" % (number, shlex.quote(path)) for number, path in enumerate(paths))
    return SCRIPT % {
        "path": PATH,
        "home": guard.home,
        "backs": backs,
        "boot_unit": guard.boot_unit,
        "boot_link": guard.boot_link,
        "undo": undo or ":",
    }


def begin(guard, params):
    """Keeps copies and arms. What an earlier run left unconfirmed is put back first."""
    put_back = guard.is_armed()
    if put_back:
        guard.roll_back()
    shutil.rmtree(guard.home, ignore_errors=True)
    os.makedirs(guard.at("copies"), mode=0o700)
    os.chmod(guard.home, 0o700)
    for number, path in enumerate(params["paths"]):
        if os.path.lexists(path):
            code, out = guard.run(
                "cp -a -T %s %s" % (shlex.quote(path), shlex.quote(guard.at("copies", str(number))))
            )
            if code:
                guard.module.fail_json(msg="%s cannot be copied, so nothing was changed: %s" % (path, out))
    settings = {key: params[key] for key in ("paths", "validate", "reload", "seconds")}
    write_text(guard.at("guard.json"), json.dumps(settings), 0o600)
    write_text(
        guard.at("rollback"), script(guard, params["paths"], params["undo"] or params["reload"]), 0o700
    )
    write_text(guard.at("armed"), "", 0o600)
    write_text(guard.boot_unit, BOOT_UNIT % {"name": guard.name, "home": guard.home}, 0o644)
    os.makedirs(os.path.dirname(guard.boot_link), exist_ok=True)
    os.symlink(guard.boot_unit, guard.boot_link)
    return {"changed": False, "rolls_back_at": guard.arm(params["longest"]), "put_back": put_back}


def apply(guard):
    """Checks and reloads, when anything differs; the change stays only when it is confirmed in time."""
    if not guard.is_armed():
        guard.module.fail_json(msg=gone(guard))
    settings = guard.settings()
    pairs = [(path, guard.at("copies", str(number))) for number, path in enumerate(settings["paths"])]
    differing = [path for path, copy in pairs if not same(path, copy)]
    if not differing:
        guard.disarm()
        return {"changed": False, "differing": []}
    due = guard.arm(settings["seconds"])
    for command in (settings["validate"], settings["reload"]):
        code, out = guard.run(command) if command else (0, "")
        if code:
            trouble = guard.roll_back()
            ending = "but could not be read again: %s" % trouble if trouble else "and nothing has changed"
            guard.module.fail_json(
                msg="`%s` failed: %s\nThe old files were put back %s." % (command, out, ending)
            )
    return {"changed": True, "differing": differing, "rolls_back_at": due, "seconds": settings["seconds"]}


def confirm(guard):
    """Disarms; a change that was rolled back meanwhile has failed."""
    if not guard.is_armed():
        guard.module.fail_json(msg=gone(guard))
    guard.disarm()
    return {"changed": True}


def gone(guard):
    """Why there is nothing to confirm."""
    stamp = read_json(guard.at("rolled_back"), 0)
    if not stamp:
        return "The guard %s was never begun." % guard.name
    moment = datetime.datetime.fromtimestamp(stamp, datetime.timezone.utc).strftime("%H:%M:%S UTC")
    return (
        "Nobody confirmed the change in time: the node put its old files back at %s. Retry the job." % moment
    )


def main():
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["begin", "apply", "confirm", "rollback"], "required": True},
            "paths": {"type": "list", "elements": "str", "default": []},
            "validate": {"type": "str", "default": ""},
            "reload": {"type": "str", "default": ""},
            "undo": {"type": "str", "default": ""},
            "seconds": {"type": "int", "default": 90},
            "longest": {"type": "int", "default": 900},
        },
        supports_check_mode=True,
    )
    guard = Guard(module)
    if module.check_mode:
        module.exit_json(changed=False, differing=[])
    state = module.params["state"]
    if state == "begin":
        module.exit_json(**begin(guard, module.params))
    if state == "rollback":
        was_armed = guard.is_armed()
        trouble = guard.roll_back() if was_armed else ""
        if trouble:
            module.fail_json(msg="The old files are back, but could not be read again: %s" % trouble)
        module.exit_json(changed=was_armed)
    if os.path.isdir(guard.home) and state == "confirm":
        guard.locked()
    module.exit_json(**(apply(guard) if state == "apply" else confirm(guard)))


if __name__ == "__main__":
    main()
