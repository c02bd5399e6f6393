"""Builds the programs of a bundle from released Go modules, each pinned by a committed `go.sum`."""

from __future__ import annotations

import shutil
from pathlib import Path

from engine.bundle import toolchain
from engine.bundle.cache import key_of
from engine.bundle.components import GoComponent

# Part of every key: raise it when the way of building changes what comes out.
RECIPE = "1"


def key(component: GoComponent) -> str:
    """Cache key of a Go component: its pinned inputs and its flags."""
    flags = [RECIPE, component.name, component.version, str(component.cgo), component.tags, *component.link]
    programs = [f"{name}={package}" for name, package in sorted(component.programs.items())]
    return key_of([*flags, *programs, *component.data, component.folder])


def build(component: GoComponent, go: str, into: Path) -> None:
    """Builds every program of `component` into `into`.

    Raises:
        BuildFailed: the module cannot be had or does not compile.
    """
    environment = toolchain.go_environment(component)
    for name, package in component.programs.items():
        command = [go, "build", "-mod=readonly", "-trimpath", "-buildvcs=false"]
        if component.tags:
            command.append(f"-tags={component.tags}")
        command += [f"-ldflags={' '.join(('-s', '-w', '-buildid=', *component.link))}"]
        command += ["-o", str(into / name), package]
        toolchain.run(command, cwd=component.folder, environment=environment)
    for name in component.data:
        _copy(_module(component, go) / name, into / name)


def _module(component: GoComponent, go: str) -> Path:
    """Where the Go client keeps the sources of the component's module."""
    environment = toolchain.go_environment()
    module = component.origin.partition("@")[0]
    toolchain.run([go, "mod", "download", module], cwd=component.folder, environment=environment)
    query = [go, "list", "-m", "-f", "{{.Dir}}", module]
    return Path(toolchain.run(query, cwd=component.folder, environment=environment).strip())


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        # Not with the modes of the sources, which nobody may write to.
        shutil.copytree(source, target, copy_function=shutil.copyfile)
        target.chmod(0o755)
    else:
        shutil.copyfile(source, target)


def pause_key(kubernetes: GoComponent, version: str) -> str:
    """Cache key of the pause program."""
    return key_of([RECIPE, "pause", version, kubernetes.folder / "go.sum"])


def build_pause(kubernetes: GoComponent, version: str, go: str, into: Path) -> None:
    """Compiles the pause program from the Kubernetes module's own C source.

    Raises:
        BuildFailed: the module cannot be had or does not compile.
    """
    source = _module(kubernetes, go) / "build/pause/linux/pause.c"
    toolchain.run(
        [
            "gcc",
            "-Os",
            "-Wall",
            "-static",
            "-s",
            f"-DVERSION={version}",
            "-o",
            str(into / "pause"),
            str(source),
        ]
    )
