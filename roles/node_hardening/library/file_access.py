#!/usr/bin/python
"""Takes away what owners, groups and modes of existing files give too much of. Never gives more."""

from __future__ import annotations

DOCUMENTATION = r"""
module: file_access
short_description: Limit owners, groups and modes of files that exist
description: Files that are not there are no error, and a mode that is stricter already is left as it is.
options:
  paths:
    description: Files and directories, as shell patterns.
    type: list
    elements: str
    required: true
  most:
    description: The bits a file may have at most, in octal; empty leaves modes alone.
    type: str
    default: ""
  most_directory:
    description: The same for directories that C(recurse) goes into; empty leaves their modes alone.
    type: str
    default: ""
  owner:
    description: Who owns the files; empty leaves owners alone.
    type: str
    default: ""
  groups:
    description: Groups that may have the files; a file of another group gets the first one that exists. Empty leaves groups alone.
    type: list
    elements: str
    default: []
  recurse:
    description: Whether everything below directories is meant, too.
    type: bool
    default: false
  exclude:
    description: Paths, as shell patterns, that are left alone with all below them.
    type: list
    elements: str
    default: []
"""

import fnmatch
import glob
import grp
import os
import pwd
import stat

from ansible.module_utils.basic import AnsibleModule


def excluded(path, patterns):
    """Whether a path is one of those that are left alone."""
    return any(fnmatch.fnmatch(path, pattern) for pattern in patterns)


def everything(paths, recurse, exclude):
    """The files and directories meant, links left out: what they lead to may be somebody else's."""
    for path in sorted({found for pattern in paths for found in glob.glob(pattern)}):
        if excluded(path, exclude) or os.path.islink(path):
            continue
        yield path
        if not recurse or not os.path.isdir(path):
            continue
        for directory, folders, files in os.walk(path):
            folders[:] = [name for name in folders if not excluded(os.path.join(directory, name), exclude)]
            for name in folders + files:
                inner = os.path.join(directory, name)
                if not os.path.islink(inner) and not excluded(inner, exclude):
                    yield inner


def known_groups(names):
    """Ids of those groups that exist on the node, in order."""
    found = []
    for name in names:
        try:
            found.append(grp.getgrnam(name).gr_gid)
        except KeyError:
            continue
    return found


def limits(path, state, parameters, owner, groups):
    """Mode, owner and group that a file is to have."""
    most = parameters["most"]
    if stat.S_ISDIR(state.st_mode) and parameters["recurse"]:
        most = parameters["most_directory"]
    mode = stat.S_IMODE(state.st_mode)
    wanted = mode & int(most, 8) if most else mode
    user = state.st_uid if owner is None else owner
    group = state.st_gid if not groups or state.st_gid in groups else groups[0]
    return wanted, user, group


def bring(path, parameters, owner, groups, check):
    """Limits one file; returns what changes, in words, or nothing."""
    try:
        state = os.lstat(path)
    except FileNotFoundError:
        return ""
    mode, user, group = limits(path, state, parameters, owner, groups)
    now = (stat.S_IMODE(state.st_mode), state.st_uid, state.st_gid)
    if now == (mode, user, group):
        return ""
    if not check:
        if now[1:] != (user, group):
            os.chown(path, user, group)
        # A change of owner may clear bits, so the mode comes last.
        os.chmod(path, mode)
    return "%s: mode %04o, owner %d:%d -> mode %04o, owner %d:%d" % (path, *now, mode, user, group)


def main():
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "paths": {"type": "list", "elements": "str", "required": True},
            "most": {"type": "str", "default": ""},
            "most_directory": {"type": "str", "default": ""},
            "owner": {"type": "str", "default": ""},
            "groups": {"type": "list", "elements": "str", "default": []},
            "recurse": {"type": "bool", "default": False},
            "exclude": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    parameters = module.params
    owner = pwd.getpwnam(parameters["owner"]).pw_uid if parameters["owner"] else None
    groups = known_groups(parameters["groups"])
    try:
        changes = [
            change
            for path in everything(parameters["paths"], parameters["recurse"], parameters["exclude"])
            if (change := bring(path, parameters, owner, groups, module.check_mode))
        ]
    except OSError as reason:
        module.fail_json(msg="%s Mend the file system on the node, then retry." % reason)
    module.exit_json(changed=bool(changes), changes=changes[:50], count=len(changes))


if __name__ == "__main__":
    main()
