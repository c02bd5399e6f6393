#!/usr/bin/python
"""Brings existing accounts in line with the rules for passwords, shells and homes, never the one Keelyard comes in by."""

from __future__ import annotations

DOCUMENTATION = r"""
module: account_policy
short_description: Bring existing accounts in line with rules for passwords, shells and homes
description: >-
  Does what its options name and nothing else. A rule that would close an account at once is not applied to it. Accounts under
  C(exempt) are left alone by all of them.
options:
  exempt:
    description: Accounts that are left alone.
    type: list
    elements: str
    default: []
  most_days:
    description: Days after which a password expires.
    type: int
    default: 0
  least_days:
    description: Days for which a new password stays.
    type: int
    default: 0
  warn_days:
    description: Days of warning before a password expires.
    type: int
    default: 0
  inactive_days:
    description: Days after which an account with an expired password is closed.
    type: int
    default: 0
  mend_future:
    description: Whether passwords that were changed in the future were changed today.
    type: bool
    default: false
  close_empty:
    description: Accounts whose empty password is replaced by one that nobody can type; an asterisk means all.
    type: str
    default: ""
  no_system_shells:
    description: Whether accounts of the system get a shell that ends at once.
    type: bool
    default: false
  lock_shell_less:
    description: Whether accounts without a login shell are locked.
    type: bool
    default: false
  homes:
    description: Whether home directories of people belong to them and are closed to others.
    type: bool
    default: false
  root_umask:
    description: The mask that root's own shell files are to set where they set a weaker one; empty leaves them alone.
    type: str
    default: ""
  dot_files:
    description: Whether dot files of people belong to them and are closed to others.
    type: bool
    default: false
"""

import grp
import os
import pwd
import re
import shutil
import stat
import time

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.keelyard import PATH, write_text

SECRET_FILES = (".netrc", ".bash_history", ".rhosts", ".pgpass")


class Account:
    """One local account with what shadow says of it."""

    def __init__(self, entry, shadow):
        self.name, self.uid, self.gid, self.home, self.shell = entry.pw_name, entry.pw_uid, entry.pw_gid, entry.pw_dir, entry.pw_shell
        fields = shadow.get(self.name, ["", "*", "", "", "", "", "", "", ""])
        self.password = fields[1]
        self.changed, self.least, self.most, self.warn, self.inactive = (int(value) if value else -1 for value in fields[2:7])

    @property
    def has_password(self):
        """Whether somebody can type a password for it."""
        return bool(self.password) and self.password[0] not in "!*"

    @property
    def has_shell(self):
        """Whether it can be logged in to."""
        return os.path.basename(self.shell) not in ("nologin", "false", "sync", "shutdown", "halt")


def accounts():
    """The accounts of passwd, those of other name services left out."""
    with open("/etc/shadow", encoding="utf-8", errors="replace") as stream:
        shadow = {line.split(":", 1)[0]: line.rstrip("\n").split(":") for line in stream if line.count(":") == 8}
    with open("/etc/passwd", encoding="utf-8", errors="replace") as stream:
        local = {line.split(":", 1)[0] for line in stream}
    return [Account(entry, shadow) for entry in pwd.getpwall() if entry.pw_name in local]


def first_uid():
    """The first user id that is a person's."""
    with open("/etc/login.defs", encoding="utf-8", errors="replace") as stream:
        match = re.search(r"^\s*UID_MIN\s+(\d+)", stream.read(), re.MULTILINE)
    return int(match.group(1)) if match else 1000


def ageing(account, parameters, today):
    """Commands that set the age of one account's password."""
    if not account.has_password:
        return []
    found = []
    most, inactive = parameters["most_days"], parameters["inactive_days"]
    old = account.changed < 0 or account.changed + (most or account.most) <= today
    if most and not old and not 0 < account.most <= most:
        found.append(["chage", "-M", str(most), account.name])
    if parameters["least_days"] and account.least < parameters["least_days"]:
        found.append(["chage", "-m", str(parameters["least_days"]), account.name])
    if parameters["warn_days"] and account.warn < parameters["warn_days"]:
        found.append(["chage", "-W", str(parameters["warn_days"]), account.name])
    if inactive and not old and not 0 <= account.inactive <= inactive:
        found.append(["chage", "-I", str(inactive), account.name])
    if parameters["mend_future"] and account.changed > today:
        found.append(["chage", "-d", str(today), account.name])
    return found


def closing(account, parameters, people):
    """Commands that take an account's empty password, its shell or its key hole away."""
    found = []
    if parameters["close_empty"] in ("*", account.name) and not account.password:
        found.append(["usermod", "-p", "*", account.name])
    system = 0 < account.uid < people or account.name in ("nobody", "nfsnobody")
    if parameters["no_system_shells"] and system and account.has_shell:
        found.append(["usermod", "-s", shutil.which("nologin", path=PATH) or "/usr/sbin/nologin", account.name])
    if parameters["lock_shell_less"] and not account.has_shell and account.uid and account.has_password:
        found.append(["usermod", "-L", account.name])
    return found


def limited(path, most, account):
    """What is to be done to a file so that it is the account's and has certain bits at most; empty when nothing."""
    state = os.lstat(path)
    mode = stat.S_IMODE(state.st_mode)
    own = state.st_uid == account.uid and (state.st_gid == account.gid or state.st_gid in memberships(account))
    return [] if own and mode & ~most == 0 else [("limit", path, mode & most, account.uid, account.gid)]


def memberships(account):
    """Groups an account is a member of beyond its first one."""
    return {group.gr_gid for group in grp.getgrall() if account.name in group.gr_mem}


def files(account, parameters, people):
    """What is to be done to the home of a person and the dot files in it."""
    if (account.uid and account.uid < people) or not account.has_shell or not os.path.isdir(account.home):
        return []
    if account.home in ("/", "/nonexistent") or os.path.islink(account.home):
        return []
    found = limited(account.home, 0o750, account) if parameters["homes"] else []
    if parameters["dot_files"]:
        for entry in os.scandir(account.home):
            if entry.name.startswith(".") and entry.is_file(follow_symlinks=False):
                found += limited(entry.path, 0o600 if entry.name in SECRET_FILES else 0o740, account)
    return found


def weak_masks(mask):
    """Root's shell files that set a weaker mask, with the text they are to have."""
    for name in (".bashrc", ".bash_profile", ".profile"):
        path = os.path.join("/root", name)
        if not os.path.isfile(path):
            continue
        with open(path, encoding="utf-8", errors="surrogateescape") as stream:
            text = stream.read()
        stricter = re.sub(
            r"(?m)^(\s*umask\s+)([0-7]{3,4})\b",
            lambda found: found.group(1) + (found.group(2) if int(found.group(2), 8) & int(mask, 8) == int(mask, 8) else mask),
            text,
        )
        if stricter != text:
            yield path, stricter


def work(module):
    """Finds what differs from the rules and brings it in line."""
    parameters = module.params
    today, people = int(time.time() // 86400), first_uid()
    todo = []
    for account in accounts():
        if account.name not in parameters["exempt"]:
            todo += ageing(account, parameters, today) + closing(account, parameters, people)
        todo += files(account, parameters, people)
    if parameters["root_umask"]:
        todo += [("mask", path, text) for path, text in weak_masks(parameters["root_umask"])]
    for step in [] if module.check_mode else todo:
        if step[0] == "limit":
            os.chown(step[1], step[3], step[4])
            os.chmod(step[1], step[2])
            continue
        if step[0] == "mask":
            write_text(step[1], step[2], stat.S_IMODE(os.stat(step[1]).st_mode))
            continue
        code, out, err = module.run_command(step, environ_update={"PATH": PATH})
        if code:
            module.fail_json(msg="%s: %s Mend the account on the node, then retry." % (" ".join(step), (out + err).strip()))
    module.exit_json(changed=bool(todo), changes=[" ".join(str(part) for part in step[: 2 if step[0] == "mask" else None]) for step in todo][:50])


def main():
    """Entry point."""
    numbers = ("most_days", "least_days", "warn_days", "inactive_days")
    switches = ("mend_future", "no_system_shells", "lock_shell_less", "homes", "dot_files")
    module = AnsibleModule(
        argument_spec=dict(
            {"exempt": {"type": "list", "elements": "str", "default": []}, "close_empty": {"type": "str", "default": ""}},
            root_umask={"type": "str", "default": ""},
            **{name: {"type": "int", "default": 0} for name in numbers},
            **{name: {"type": "bool", "default": False} for name in switches},
        ),
        supports_check_mode=True,
    )
    try:
        work(module)
    except OSError as reason:
        module.fail_json(msg="%s Mend the file system on the node, then retry." % reason)


if __name__ == "__main__":
    main()
