"""The dependency rules hold at run time too, in a fresh interpreter."""

import subprocess
import sys

import pytest


def loaded_by(module: str) -> set[str]:
    code = f"import sys, {module}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(shown.stdout.split())


@pytest.mark.parametrize(
    ("module", "never"),
    [
        ("engine.domain.specs", {"litestar", "textual", "piccolo", "ansible_runner", "httpx", "click"}),
        ("engine.processes.command_line", {"litestar", "textual", "piccolo", "ansible_runner", "ansible"}),
        ("engine.execution", {"litestar", "textual", "piccolo"}),
    ],
)
def test_a_layer_loads_nothing_from_above_it(module, never):
    assert loaded_by(module) & never == set()
