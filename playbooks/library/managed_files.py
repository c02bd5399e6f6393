#!/usr/bin/python
"""Brings a set of files to their wanted content in one round trip and records them as Keelyard's."""

from __future__ import annotations

DOCUMENTATION = r"""
module: managed_files
short_description: Bring a set of files to their wanted content in one round trip
description: Writes what differs, atomically, keeps the original of a file someone else made, and records what it wrote.
options:
  files:
    description: >-
      The files, each with path, content and mode (default 0644). A file with C(secret) has its content left out of diffs. One with
      C(keep_tighter) may have a tighter mode on the node, which hardening gave it, and keeps that.
    type: list
    elements: dict
    default: []
  directories:
    description: Directories that must exist (mode 0755); they are not recorded.
    type: list
    elements: str
    default: []
  adopt:
    description: Files that another task wrote for Keelyard, to be recorded as its own.
    type: list
    elements: str
    default: []
  absent:
    description: Paths that must not exist.
    type: list
    elements: str
    default: []
  wanted:
    description: >-
      When off, what Keelyard wrote at the files' paths goes: the original comes back where there was one. Others' files stay.
    type: bool
    default: true
  record:
    description: Whether to record the files as Keelyard's; off for files on the controller.
    type: bool
    default: true
"""

import os
import stat

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.keelyard import Owned, write_text


def current(path):
    """Content and mode of a file, or (None, None) when it is not there."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as stream:
            return stream.read(), stat.S_IMODE(os.fstat(stream.fileno()).st_mode)
    except FileNotFoundError:
        return None, None


def wanted(item):
    """Path, content and mode of one entry; a text file ends with a newline."""
    content = item["content"]
    if content and not content.endswith("\n"):
        content += "\n"
    return item["path"], content, int(str(item.get("mode", "0644")), 8)


def difference(item, before, after):
    """The diff of one file; of a secret one only that there is a difference."""
    if item.get("secret"):
        before, after = "absent\n" if before is None else "content that is kept secret\n", "content that is kept secret\n"
    return {"before_header": item["path"], "after_header": item["path"], "before": before or "", "after": after}


def bring(item, owned, check):
    """Writes one file when it differs; returns a diff or None."""
    path, content, mode = wanted(item)
    before, before_mode = current(path)
    if item.get("keep_tighter") and before_mode is not None:
        mode &= before_mode
    diff = None
    if before != content:
        diff = difference(item, before, content)
        if not check:
            if owned is not None:
                owned.keep_original(path)
            write_text(path, content, mode)
    elif before_mode != mode:
        diff = {"before_header": path, "after_header": path, "before": "mode %04o\n" % before_mode, "after": "mode %04o\n" % mode}
        if not check:
            os.chmod(path, mode)
    if owned is not None:
        owned.put(path, kind="file")
    return diff


def remove(path, owned, check):
    """Removes one file when it is there; returns a diff or None."""
    if not os.path.lexists(path):
        return None
    if not check:
        os.unlink(path)
        if owned is not None:
            owned.drop(path)
    return {"before_header": path, "after_header": path, "before": "present\n", "after": "absent\n"}


def undo(path, owned, check):
    """Takes a file of Keelyard's back, leaving what was there before it; returns a diff or None."""
    if path not in owned or not os.path.lexists(path):
        return None
    original = owned.entries[path].get("original", "")
    before, _ = current(original) if original else (None, None)
    if before is None:
        return remove(path, owned, check)
    if not check:
        write_text(path, before, stat.S_IMODE(os.stat(original).st_mode))
        owned.drop(path)
    return {"before_header": path, "after_header": path, "before": "Keelyard's\n", "after": "the original\n"}


def work(module):
    """Compares and writes."""
    owned = Owned() if module.params["record"] else None
    missing = [path for path in module.params["directories"] if not os.path.isdir(path)]
    for path in missing:
        if not module.check_mode:
            os.makedirs(path, mode=0o755)
    diffs = [{"before_header": path, "after_header": path, "before": "", "after": "directory\n"} for path in missing]
    if module.params["wanted"]:
        diffs += [bring(item, owned, module.check_mode) for item in module.params["files"]]
    else:
        diffs += [undo(item["path"], Owned() if owned is None else owned, module.check_mode) for item in module.params["files"]]
    diffs += [remove(path, owned, module.check_mode) for path in module.params["absent"]]
    diffs = [diff for diff in diffs if diff]
    if owned is not None and not module.check_mode:
        for path in module.params["adopt"]:
            owned.put(path, kind="file")
        owned.save()
    module.exit_json(changed=bool(diffs), changed_files=[diff["after_header"] for diff in diffs], diff=diffs)


def main():
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "files": {"type": "list", "elements": "dict", "default": []},
            "directories": {"type": "list", "elements": "str", "default": []},
            "adopt": {"type": "list", "elements": "str", "default": []},
            "absent": {"type": "list", "elements": "str", "default": []},
            "wanted": {"type": "bool", "default": True},
            "record": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    try:
        work(module)
    except OSError as reason:
        module.fail_json(msg="%s Free space or mend the file system on the node, then retry." % reason)


if __name__ == "__main__":
    main()
