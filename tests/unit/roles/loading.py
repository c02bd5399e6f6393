"""Loads the Python that Ansible ships to nodes (no importable package), and renders role templates."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import jinja2
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.filter import core, mathstuff
from ansible.plugins.test import core as core_tests
from ansible.template import Templar, trust_as_template

ROOT = Path(__file__).parents[3]
PLAYBOOKS, ROLES = ROOT / "playbooks", ROOT / "roles"


def load(path: Path, name: str | None = None) -> ModuleType:
    """The module in a file, under the name that other files import it by."""
    name = name or f"keelyard_tested_{path.stem}"
    if name not in sys.modules:
        specification = importlib.util.spec_from_file_location(name, path)
        assert specification is not None
        assert specification.loader is not None
        module = importlib.util.module_from_spec(specification)
        sys.modules[name] = module
        specification.loader.exec_module(module)
    return sys.modules[name]


def shared(name: str) -> ModuleType:
    """What the modules share on a node; the others of them build on `keelyard`."""
    if name != "keelyard":
        shared("keelyard")
    return load(PLAYBOOKS / "module_utils" / f"{name}.py", f"ansible.module_utils.{name}")


def module(name: str, role: str = "") -> ModuleType:
    """A module of ours, of the playbooks or of a role."""
    shared("keelyard")
    shared("keelyard_net")
    shared("keelyard_certificates")
    shared("keelyard_static_pods")
    shared("keelyard_sweep")
    shared("keelyard_overruled")
    home = ROLES / role if role else PLAYBOOKS
    return load(home / "library" / f"{name}.py")


def render(role: str, template: str, **variables: Any) -> str:
    """A role's template with the filters of Ansible that our templates use."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(ROLES / role / "templates"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters |= core.FilterModule().filters() | mathstuff.FilterModule().filters()
    environment.tests |= core_tests.TestModule().tests()
    return environment.get_template(template).render(**variables)


def evaluate(role: str, expression: str, **known: Any) -> Any:
    """What Ansible itself makes of an expression over a role's variables, with `known` beside or over them."""
    variables: dict[str, Any] = {}
    for part in ("defaults", "vars"):
        file = ROLES / role / part / "main.yml"
        variables |= yaml.safe_load(file.read_text()) if file.exists() else {}
    templar = Templar(DataLoader(), variables={key: trusted(value) for key, value in variables.items()} | known)
    return templar.template(trusted("{{ " + expression + " }}"))


def trusted(value: Any) -> Any:
    """Marked as Ansible marks what it reads from a role."""
    if isinstance(value, dict):
        return {key: trusted(each) for key, each in value.items()}
    if isinstance(value, list):
        return [trusted(each) for each in value]
    return trust_as_template(value) if isinstance(value, str) else value
