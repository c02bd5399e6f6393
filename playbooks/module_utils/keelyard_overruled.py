"""Lines of the administrator's own files that say otherwise than Keelyard: commented out under a mark, and brought back without it.

Runs on the nodes: Python 3.9 and the standard library alone. Deprovision brings back every line under a mark that begins like `MARK`.
"""

from __future__ import annotations

import glob
import os
import re

from ansible.module_utils.keelyard import write_text

MARK = "# keelyard %s: "
SYSCTLS = ("/etc/sysctl.conf", "/etc/sysctl.d/*.conf")
OWN_SYSCTLS = "zz-keelyard"
MODULES = ("/etc/modprobe.conf", "/etc/modprobe.d/*.conf")


def sysctl(line):
    """Name (with dots) and value of a line of sysctl.d(5), or (None, None)."""
    found = re.match(r"^\s*-?([A-Za-z][\w./*-]*)\s*=\s*(.*?)\s*$", line)
    return (found.group(1).replace("/", "."), found.group(2)) if found else (None, None)


def other_sysctl(line, values):
    """Whether a line sets one of the values to something else."""
    name, value = sysctl(line)
    return name in values and value.split() != str(values[name]).split()


def turns_off(line, modules):
    """Whether a line of modprobe.d(5) keeps one of some kernel modules from being loaded, as general hardening does with overlay."""
    found = re.match(r"^\s*(?:blacklist\s+(\S+)\s*$|install\s+(\S+)\s+\S*\b(?:true|false)\b|alias\s+(\S+)\s+off\b)", line)
    name = next((name for name in found.groups() if name), "") if found else ""
    return name.replace("-", "_") in {each.replace("-", "_") for each in modules}


def silenced(text, mark, unwanted):
    """The text with the lines commented out of which `unwanted` is true."""
    return "".join(mark + line if unwanted(line) else line for line in text.splitlines(keepends=True))


def spoken(text, mark):
    """The text with the lines that were commented out under a mark back."""
    return re.sub("(?m)^" + re.escape(mark), "", text)


def files(patterns, own=()):
    """The administrator's files, each once; a link counts as what it points at. Names that begin with `own` are Keelyard's."""
    paths = {os.path.realpath(path) for pattern in patterns for path in glob.glob(pattern)}
    return sorted(path for path in paths if os.path.isfile(path) and not os.path.basename(path).startswith(tuple(own)))


def rewrite(module, paths, change):
    """Rewrites those of some files that a change makes different; returns their paths."""
    changed = []
    for path in paths:
        with open(path, encoding="utf-8", errors="surrogateescape") as stream:
            before = stream.read()
        after = change(before)
        if after != before:
            changed.append(path)
            if not module.check_mode:
                write_text(path, after, os.stat(path).st_mode & 0o7777)
    return changed
