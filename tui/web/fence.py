"""What the process of a browser's tab may not touch: files and programs of the machine it runs on.

Whoever sits at a browser must not read or write the web server's disk by a field that takes a path, a draft,
an editor or an export. Screens offer none of that in a browser; this refuses what one of them forgot.
"""

from __future__ import annotations

import mimetypes
import os
import sys
import sysconfig
from pathlib import Path

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_DEVICES = frozenset({"/dev/null", "/dev/urandom"})
_REFUSED = frozenset(
    {
        "os.chmod",
        "os.chown",
        "os.exec",
        "os.fork",
        "os.forkpty",
        "os.link",
        "os.mkdir",
        "os.posix_spawn",
        "os.remove",
        "os.rename",
        "os.rmdir",
        "os.spawn",
        "os.symlink",
        "os.system",
        "os.truncate",
        "os.utime",
        "pty.spawn",
        "shutil.copyfile",
        "shutil.move",
        "shutil.rmtree",
        "subprocess.Popen",
        "tempfile.mkdtemp",
        "tempfile.mkstemp",
    }
)
_LOOKING = frozenset({"open", "os.listdir", "os.scandir"})


def put_up() -> None:
    """From now on this process reads its own program and nothing else. It cannot be taken down again."""
    sys.dont_write_bytecode = True
    mimetypes.init()  # reads a few tables of the system, and does not come back for them
    readable = _program()

    def check(event: str, arguments: tuple[object, ...]) -> None:
        if event in _REFUSED or (event in _LOOKING and not _is_harmless(event, arguments, readable)):
            raise PermissionError(13, "Not in the browser: this would be the web server's disk")

    sys.addaudithook(check)


def _program() -> tuple[str, ...]:
    """Where Python, the libraries, and the terminal's own code and styles are."""
    here = Path(__file__).resolve().parents[2]
    named = {
        *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
        *(str(here / package) for package in ("tui", "api", "engine")),
        "/usr/share/zoneinfo",
    }
    return tuple(f"{os.path.realpath(place)}{os.sep}" for place in named)


def _is_harmless(event: str, arguments: tuple[object, ...], readable: tuple[str, ...]) -> bool:
    place = arguments[0] if arguments else None
    if isinstance(place, int):  # a descriptor that is open already
        return True
    path = os.path.realpath(os.fsdecode(place) if isinstance(place, str | bytes | os.PathLike) else ".")
    if path in _DEVICES:
        return True
    flags = arguments[2] if event == "open" and len(arguments) > 2 else 0
    writing = isinstance(flags, int) and bool(flags & _WRITING)
    return not writing and f"{path}{os.sep}".startswith(readable)
