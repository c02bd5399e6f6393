"""Hands a change of the control plane's files to the guard on the node, and waits for its verdict.

Runs on the nodes, so it is written for Python 3.9 and the standard library alone.
"""

from __future__ import annotations

import json
import os
import shutil
import time

from ansible.module_utils.keelyard import PATH, read_json, redact, write_text

HOME = "/var/lib/keelyard/static-pods"
UNIT = "keelyard-static-pods.service"
MARGIN_SECONDS = 60


def differing(files):
    """The files whose content or mode on the node is another one; each has path, content and mode."""
    found = []
    for entry in files:
        try:
            with open(entry["path"], encoding="utf-8") as stream:
                before = stream.read()
            mode = os.stat(entry["path"]).st_mode & 0o7777
        except FileNotFoundError:
            before, mode = None, 0
        if before != entry["content"] or mode & ~int(entry["mode"], 8):
            found.append(dict(entry, before=before))
    return found


def stage(home, files, components, restart, address, seconds):
    """Writes the plan and the files it speaks of."""
    directory = os.path.join(home, "staged")
    shutil.rmtree(directory, ignore_errors=True)
    os.makedirs(directory, mode=0o700)
    os.chmod(home, 0o700)
    entries = []
    for number, entry in enumerate(files):
        staged = "staged/%d" % number
        write_text(os.path.join(home, staged), entry["content"], 0o600)
        entries.append({"path": entry["path"], "mode": entry["mode"], "staged": staged})
    plan = {"files": entries, "components": components, "restart": restart, "address": address, "seconds": seconds}
    write_text(os.path.join(home, "status.json"), json.dumps({"state": "waiting"}), 0o600)
    write_text(os.path.join(home, "plan.json"), json.dumps(plan), 0o600)


def await_end(home, seconds):
    """Waits until no change is under way; returns the status, None when it takes longer than it may."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not os.path.exists(os.path.join(home, "plan.json")):
            return read_json(os.path.join(home, "status.json"), {})
        time.sleep(0.5)
    return None


def start(module):
    """Has systemd start the guard, which does not depend on this process from then on."""
    code, out, err = module.run_command(["systemctl", "start", "--no-block", UNIT], environ_update={"PATH": PATH})
    if code:
        module.fail_json(msg="%s cannot be started: %s Read `systemctl status %s` and retry." % (UNIT, (out + err).strip(), UNIT))


def settle(module, seconds):
    """Lets a change that is still under way, such as one whose run was killed, come to its end first."""
    if not os.path.exists(os.path.join(HOME, "plan.json")):
        return
    start(module)
    if await_end(HOME, 2 * seconds + MARGIN_SECONDS) is None:
        module.fail_json(msg="Another change of this control plane does not end. Read `journalctl -u %s` on the node." % UNIT)


def change(module, files, components, restart, address, seconds):
    """Makes the change under guard; ends the task with the reason when the node rolled it back."""
    stage(HOME, files, components, restart, address, seconds)
    start(module)
    status = await_end(HOME, 2 * seconds + MARGIN_SECONDS)
    state = (status or {}).get("state")
    if state == "done":
        return
    reason = redact((status or {}).get("reason") or "the guard did not finish")
    if state == "rolled-back":
        module.fail_json(
            msg="The control plane did not come back with its new configuration, so the node put the old one back, which runs again: "
            "%s. Mend the cause and retry." % reason
        )
    module.fail_json(
        msg="The control plane did not come back with its new configuration (%s), and not with the old one either: %s. "
        "Read `journalctl -u %s` and `crictl ps -a` on the node." % (reason, redact((status or {}).get("again", "")), UNIT)
    )
