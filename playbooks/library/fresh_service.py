#!/usr/bin/python
"""Keeps a systemd unit enabled, running, and younger than what it was configured by."""

from __future__ import annotations

DOCUMENTATION = r"""
module: fresh_service
short_description: Keep a unit enabled, running and younger than its configuration
description: >-
  Restarts a unit when it started before its unit file, a drop-in or one of its configuration files was written. Unlike a
  handler this also holds after a run that died between writing and restarting.
options:
  name:
    description: Unit name.
    type: str
    required: true
  configs:
    description: Files the service reads when it starts, its binary included.
    type: list
    elements: str
    default: []
  needs:
    description: Run the unit only when this path exists; it is enabled either way. Empty means always.
    type: str
    default: ""
  socket:
    description: A Unix socket that must accept connections once the unit runs.
    type: str
    default: ""
  rewritten:
    description: >-
      Files that earlier tasks of the run wrote. In check mode they were not written, so their age says nothing; the unit would be
      restarted for those among its own.
    type: list
    elements: str
    default: []
"""

import glob
import os
import socket
import time

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.keelyard import PATH, journal

PROPERTIES = (
    "LoadState", "ActiveState", "UnitFileState", "NeedDaemonReload", "ExecMainStartTimestampMonotonic", "FragmentPath", "DropInPaths",
)  # fmt: skip


def systemctl(module, *arguments):
    """Runs systemctl; returns exit code and output."""
    code, out, err = module.run_command(["systemctl", *arguments], environ_update={"PATH": PATH})
    return code, (out + err).strip()


def show(module, name):
    """The unit's properties."""
    _, out = systemctl(module, "show", name, "--property", ",".join(PROPERTIES))
    return dict(line.split("=", 1) for line in out.splitlines() if "=" in line)


def started_at(unit):
    """Wall-clock second the main process started, 0 when it never did."""
    stamp = int(unit.get("ExecMainStartTimestampMonotonic") or 0)
    return time.time() - (time.monotonic() - stamp / 1e6) if stamp else 0.0


def newer_than(start, paths):
    """The files that were written after a start; a modification time in the future is brought back to now."""
    newer = []
    for path in paths:
        try:
            written = os.stat(path).st_mtime
        except FileNotFoundError:
            continue
        if written > start:
            newer.append(path)
    return newer


def settle_future(paths):
    """Files from the future (the clock was set back) would ask for a restart in every run."""
    now = time.time()
    for path in paths:
        if os.path.exists(path) and os.stat(path).st_mtime > now:
            os.utime(path, (now, now))


def drop_ins(name):
    """The drop-ins that lie on disk. systemd's own NeedDaemonReload overlooks those in a directory that is new to it."""
    return glob.glob("/etc/systemd/system/%s.d/*.conf" % name)


def changed_on_disk(name, unit):
    """Whether systemd works with another unit than the one on disk."""
    known = {path for path in unit.get("DropInPaths", "").split() if path.startswith("/etc/systemd/system/%s.d/" % name)}
    return unit.get("NeedDaemonReload") == "yes" or known != set(drop_ins(name))


def reasons(unit, paths, may_run, rewritten=()):
    """Why something has to be done to a unit, in words; empty when it is as it should be.

    `rewritten` are files that a real run would have written by now.
    """
    found = []
    if unit.get("UnitFileState") not in ("enabled", "static", "indirect", "alias", "generated"):
        found.append("not enabled")
    if unit.get("changed_on_disk"):
        found.append("its unit changed on disk")
    if may_run and unit.get("ActiveState") != "active":
        found.append("not running")
    elif may_run:
        newer = newer_than(started_at(unit), paths)
        found += ["older than " + path for path in newer]
        found += ["older than %s, once that is written" % path for path in rewritten if path not in newer]
    return found


def own_among(name, paths, rewritten):
    """Those of the rewritten files that a unit is made of or reads."""
    places = ("/etc/systemd/system/" + name, "/etc/systemd/system/%s.d/" % name)
    return sorted(path for path in set(rewritten) if path in paths or path == places[0] or path.startswith(places[1]))


def foretell(module, name):
    """In check mode, ends the task for a unit that is not installed yet."""
    doing = "enables %s" % name
    if not module.params["needs"] or os.path.exists(module.params["needs"]):
        doing = "enables and starts %s" % name
    module.exit_json(changed=True, reasons=["not installed yet"], declared=doing + " once it is installed")


def fail(module, name, did, output):
    """Ends the task with the reason and what the service last said."""
    module.fail_json(
        msg="%s: %s. Read `systemctl status %s` and `journalctl -u %s` on the node, mend the cause and retry.\n%s\n%s"
        % (name, did, name, name, output, journal(module, [name]))
    )


def bring(module, name, found, may_run):
    """Reloads, enables and restarts as far as the reasons ask for it."""
    if "its unit changed on disk" in found:
        systemctl(module, "daemon-reload")
    if "not enabled" in found:
        code, out = systemctl(module, "enable", name)
        if code:
            fail(module, name, "cannot be enabled", out)
    if may_run and found != ["not enabled"]:
        systemctl(module, "reset-failed", name)
        code, out = systemctl(module, "restart", name)
        if code:
            fail(module, name, "does not start", out)


def answers(path):
    """Whether something accepts connections on a Unix socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
            return True
        except OSError:
            return False


def await_running(module, name, path):
    """Waits until the unit is active and its socket answers; fails after 60 s."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if show(module, name).get("ActiveState") == "active" and (not path or answers(path)):
            return
        time.sleep(0.1)
    fail(module, name, "was started but is not up after 60 s", "")


def main():
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "configs": {"type": "list", "elements": "str", "default": []},
            "needs": {"type": "str", "default": ""},
            "socket": {"type": "str", "default": ""},
            "rewritten": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    name, needs = module.params["name"], module.params["needs"]
    unit = show(module, name)
    if unit.get("LoadState") == "not-found" and not module.check_mode:
        systemctl(module, "daemon-reload")
        unit = show(module, name)
    if unit.get("LoadState") != "loaded":
        if module.check_mode:
            foretell(module, name)
        fail(module, name, "is not a loadable unit (%s)" % unit.get("LoadState"), "")
    unit["changed_on_disk"] = changed_on_disk(name, unit)
    may_run = not needs or os.path.exists(needs)
    paths = [unit.get("FragmentPath", ""), *unit.get("DropInPaths", "").split(), *drop_ins(name), *module.params["configs"]]
    rewritten = own_among(name, paths, module.params["rewritten"]) if module.check_mode else []
    found = reasons(unit, [path for path in paths if path], may_run, rewritten)
    if found and not module.check_mode:
        settle_future([path for path in paths if path])
        bring(module, name, found, may_run)
        if may_run:
            await_running(module, name, module.params["socket"])
    answer = {"changed": bool(found), "reasons": found}
    if rewritten and found and not reasons(unit, [path for path in paths if path], may_run):
        answer["declared"] = "restarts %s: %s" % (name, ", ".join(found))
    module.exit_json(**answer)


if __name__ == "__main__":
    main()
