"""One cluster being made: the draft with everything around it that is not to be kept."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from tui.wizard import curl, rules
from tui.wizard.choices import Choices
from tui.wizard.draft import PASSWORD, PRIVATE_KEY, Draft, NodeDraft, Secrets
from tui.wizard.host_keys import State, Tests
from tui.wizard.rules import Problem
from tui.wizard.steps import Step, step_of


@dataclass
class Making:
    """Draft, what the server offers, the way in, and what the server refused last."""

    draft: Draft = field(default_factory=Draft)
    choices: Choices = field(default_factory=Choices)
    secrets: Secrets = field(default_factory=Secrets)
    tests: Tests = field(default_factory=Tests)
    _refused: dict[str, str] = field(default_factory=dict)
    _refused_body: bytes = b""
    _sent: bytes = b""
    _key: str = ""

    def body(self) -> bytes:
        """The request, secrets included."""
        return self.draft.body(self.choices, self.secrets)

    def key(self) -> str:
        """The Idempotency-Key: the same for the same request, so that sending it again makes one cluster."""
        body = self.body()
        if body != self._sent:
            self._sent, self._key = body, str(uuid.uuid4())
        return self._key

    def refused(self, fields: dict[str, str]) -> None:
        """Keeps what the server said of which field, for as long as the request stays what it was."""
        self._refused, self._refused_body = fields, self.body()

    def problems(self) -> list[Problem]:
        """Everything that stands against this cluster."""
        found = [*rules.problems(self.draft, self.choices, self.secrets), *self._changed_keys()]
        if self._refused and self._refused_body == self.body():
            known = {problem.field for problem in found}
            found += [Problem(name, text) for name, text in self._refused.items() if name not in known]
        return sorted(found, key=lambda problem: list(Step).index(step_of(problem.field)))

    def problems_of(self, step: Step) -> list[Problem]:
        """What stands against it in one step; in the review: everything."""
        found = self.problems()
        return found if step is Step.REVIEW else [one for one in found if step_of(one.field) is step]

    def state(self, node: NodeDraft) -> State:
        """How a node's login stands."""
        return self.tests.state(self.draft, node, self.secrets)

    def _changed_keys(self) -> Iterator[Problem]:
        for index, node in enumerate(self.draft.nodes):
            if self.state(node) is State.CHANGED:
                yield Problem(
                    f"nodes.{index}.fingerprint", f"{node.name} shows another host key than the confirmed one"
                )

    def warnings(self) -> list[str]:
        """What is allowed, but ought to be known before it is done."""
        lines = []
        for states, told in (
            ((State.UNTESTED, State.STALE, State.TESTING), "the login was not tested"),
            ((State.FAILED,), "the login failed"),
        ):
            if names := [node.name for node in self.draft.nodes if self.state(node) in states]:
                lines.append(f"{_listed(names)}: {told}")
        if names := [node.name for node in self.draft.nodes if not node.fingerprint]:
            lines.append(
                f"{_listed(names)}: the host key is not confirmed; whoever answers first is believed"
            )
        if not self.draft.provision_immediately:
            lines.append("nothing is done to the nodes until somebody provisions the cluster")
        return lines

    # --- the request for reading ---

    def as_yaml(self) -> str:
        """The request as YAML; secrets are named, never shown."""
        lines = [f"# {line}" for line in self._secrets_named()]
        text = yaml.safe_dump(self.draft.request(self.choices), sort_keys=False, allow_unicode=True)
        return "\n".join([*lines, text])

    def as_curl(self, url: str) -> str:
        """The request as commands for a shell."""
        return curl.command(
            url,
            self.draft,
            self.draft.request(self.choices),
            passphrase=bool(self.secrets.passphrase),
            password=bool(self.secrets.password) or self.draft.auth_method == PASSWORD,
        )

    def as_data(self) -> dict[str, Any]:
        """The request as plain data, without secrets."""
        return self.draft.request(self.choices)

    def _secrets_named(self) -> Iterator[str]:
        yield "Secrets are sent, but not shown here."
        if self.draft.auth_method == PRIVATE_KEY:
            source = self.draft.key_path or ("pasted" if self.secrets.private_key else "none yet")
            yield f"private_key: {source}{', with passphrase' if self.secrets.passphrase else ''}"
        if self.secrets.password:
            yield "password: typed"


def _listed(names: list[str]) -> str:
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
