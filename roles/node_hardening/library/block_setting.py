#!/usr/bin/python
"""Keeps one setting in a block of Keelyard's own inside a configuration file that others write, too."""

from __future__ import annotations

DOCUMENTATION = r"""
module: block_setting
short_description: Keep one setting in a block of Keelyard's own inside a configuration file
description: >-
  Scanners look for these settings in the main file and nowhere else. The block leaves all other lines alone, and goes with its
  last setting.
options:
  path:
    description: The file.
    type: str
    required: true
  line:
    description: The setting; its first word names it.
    type: str
    required: true
  wanted:
    description: Whether the setting is to be there.
    type: bool
    default: true
  first:
    description: Whether the block is at the top, for programs that take the first value they find.
    type: bool
    default: false
  section:
    description: A line that begins the block, such as the name of a section.
    type: str
    default: ""
  instead:
    description: Names of other settings that this one takes the place of.
    type: list
    elements: str
    default: []
  mode:
    description: Mode of a file that has to be made.
    type: str
    default: "0644"
"""

import os
import re
import stat

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.keelyard import write_text

BEGIN, END = "# BEGIN keelyard", "# END keelyard"


def name_of(line):
    """The word that names a setting."""
    return re.split(r"[\s=]", line.strip(), maxsplit=1)[0]


def split(text):
    """The text before the block, the block's lines, and the text after it."""
    found = re.search(r"(?ms)^%s\n(.*?)^%s\n" % (BEGIN, END), text)
    if not found:
        return text, [], ""
    return text[: found.start()], found.group(1).splitlines(), text[found.end() :]


def with_setting(text, line, wanted, first, section, instead=()):
    """The text with the setting as it is to be."""
    before, lines, after = split(text)
    names = {name_of(line), *instead}
    settings = [each for each in lines if each != section and (name_of(each) not in names or (wanted and each == line))]
    if wanted and line not in settings:
        settings.append(line)
    block = "".join(each + "\n" for each in [BEGIN, *([section] if section else []), *settings, END]) if settings else ""
    if lines:
        return before + block + after
    if first:
        return block + before
    return before + ("\n" if before and not before.endswith("\n") and block else "") + block


def main():
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "str", "required": True},
            "line": {"type": "str", "required": True},
            "wanted": {"type": "bool", "default": True},
            "first": {"type": "bool", "default": False},
            "section": {"type": "str", "default": ""},
            "instead": {"type": "list", "elements": "str", "default": []},
            "mode": {"type": "str", "default": "0644"},
        },
        supports_check_mode=True,
    )
    path, mode = module.params["path"], int(module.params["mode"], 8)
    try:
        before = ""
        if os.path.exists(path):
            mode = stat.S_IMODE(os.stat(path).st_mode)
            with open(path, encoding="utf-8", errors="surrogateescape") as stream:
                before = stream.read()
        after = with_setting(before, *(module.params[name] for name in ("line", "wanted", "first", "section", "instead")))
        if after != before and not module.check_mode:
            write_text(path, after, mode)
    except OSError as reason:
        module.fail_json(msg="%s Mend the file system on the node, then retry." % reason)
    module.exit_json(changed=after != before, diff={"before_header": path, "after_header": path, "before": before, "after": after})


if __name__ == "__main__":
    main()
