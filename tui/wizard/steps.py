"""The steps of the wizard, and which field is asked for in which."""

from __future__ import annotations

import enum
import re


class Step(enum.StrEnum):
    """One step; their order is the wizard's."""

    TEMPLATE = "template"
    TOPOLOGY = "topology"
    NODES = "nodes"
    ACCESS = "access"
    COMPONENTS = "components"
    HARDENING = "hardening"
    REVIEW = "review"


STEPS = tuple(Step)

_OF_FIELDS: tuple[tuple[str, Step], ...] = (
    (r"name|description|template_id|template_version", Step.TEMPLATE),
    (r"topology(\..*)?|lab", Step.TOPOLOGY),
    (r"nodes\.\d+\.(fingerprint|host_key)", Step.ACCESS),
    (r"nodes(\..*)?", Step.NODES),
    (r"ssh_config(\..*)?", Step.ACCESS),
    (r"(components|networking)(\..*)?", Step.COMPONENTS),
    (r"hardening(\..*)?", Step.HARDENING),
)


def step_of(field: str) -> Step:
    """The step that asks for a field; the review for what none asks for."""
    return next((step for form, step in _OF_FIELDS if re.fullmatch(form, field)), Step.REVIEW)
