"""Templates: what new clusters begin with, and how a request is filled from one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from engine.domain import hardening_rules, spec_rules
from engine.domain.errors import FieldProblem
from engine.domain.hardening import HardeningException
from engine.domain.specs import Components, Hardening, Topology

MAXIMUM_DESCRIPTION = 1000


class PartialTopology(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How many nodes of which role, as far as it is said."""

    ha: bool | None = None
    control_plane_count: int | None = None
    worker_count: int | None = None


class PartialComponents(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What runs on the nodes, as far as it is said."""

    kubernetes_version: str | None = None
    cni: str | None = None
    ingress: str | None = None
    runtime: str | None = None


class PartialHardening(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How the nodes are hardened, as far as it is said."""

    enable_cis_k8s_benchmark: bool | None = None
    enable_cis_linux_benchmark: bool | None = None
    level: int | None = None
    exceptions: tuple[HardeningException, ...] | None = None
    default_deny_network_policies: bool | None = None


class Layer(msgspec.Struct, frozen=True, kw_only=True):
    """What a request, a template or the settings say about a cluster."""

    topology: PartialTopology = PartialTopology()
    components: PartialComponents = PartialComponents()
    hardening: PartialHardening = PartialHardening()


class Filled(msgspec.Struct, frozen=True, kw_only=True):
    """What a cluster is made from."""

    topology: Topology
    components: Components
    hardening: Hardening


_PARTS: tuple[tuple[str, type[Any]], ...] = (
    ("topology", Topology),
    ("components", Components),
    ("hardening", Hardening),
)


def fill(layers: list[Layer]) -> tuple[Filled | None, list[FieldProblem]]:
    """A whole from layers: of each member, the first layer that says something decides.

    None, with a problem for each, when members are missing.
    """
    parts: dict[str, Any] = {}
    problems: list[FieldProblem] = []
    for part, whole in _PARTS:
        values: dict[str, Any] = {}
        missing = []
        for field in msgspec.structs.fields(whole):
            said = (getattr(getattr(layer, part), field.name) for layer in layers)
            value = next((value for value in said if value is not None), None)
            if value is not None:
                values[field.name] = value
            elif field.required:
                missing.append(FieldProblem(f"{part}.{field.name}", "is required"))
        parts[part] = values
        problems += missing if values else [FieldProblem(part, "is required")] if missing else []
    if problems:
        return None, problems
    return Filled(**{part: whole(**parts[part]) for part, whole in _PARTS}), []


def problems(
    name: str, description: str, layer: Layer, surroundings: spec_rules.Surroundings
) -> Iterator[FieldProblem]:
    """What is wrong with a template as asked for."""
    yield from spec_rules.name_problems(name)
    if len(description) > MAXIMUM_DESCRIPTION or any(
        ord(character) < 32 and character not in "\n\t" for character in description
    ):
        yield FieldProblem("description", f"must be at most {MAXIMUM_DESCRIPTION} characters of plain text")
    topology = layer.topology
    yield from spec_rules.topology_problems(topology.ha, topology.control_plane_count, topology.worker_count)
    components = msgspec.structs.asdict(layer.components)
    yield from spec_rules.component_problems(components, surroundings.kubernetes_versions)
    asked = msgspec.structs.asdict(layer.hardening)
    yield from hardening_rules.problems(asked, surroundings.hardening_items, layer.components.cni)
