"""Whose keys the nodes show: what was tested, what was confirmed, and what has changed since."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from api.schemas.clusters import HostKey, SshResult
from tui.wizard.draft import Draft, NodeDraft, Secrets

_PREFERRED = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa")


class State(enum.StrEnum):
    """How a node stands."""

    UNTESTED = "not tested"
    STALE = "changed since the test"
    TESTING = "testing"
    FAILED = "failed"
    NEW = "key seen first time: confirm"
    CONFIRMED = "key confirmed"
    CHANGED = "KEY CHANGED"


@dataclass
class _Test:
    subject: int
    result: SshResult | None = None  # None while it runs


@dataclass
class Tests:
    """What is known of the nodes' logins, by address and port."""

    _tests: dict[tuple[str, int], _Test] = field(default_factory=dict)

    @property
    def any(self) -> bool:
        """Whether anything was tested yet."""
        return bool(self._tests)

    def begin(self, draft: Draft, node: NodeDraft, secrets: Secrets) -> int:
        """Notes that a test of a node runs; what to hand to `done`."""
        subject = _subject(draft, node, secrets)
        self._tests[_place(node)] = _Test(subject)
        return subject

    def done(self, node: NodeDraft, subject: int, result: SshResult | None) -> None:
        """Keeps a result, unless another test of the node was begun meanwhile; None: it did not come."""
        test = self._tests.get(_place(node))
        if test is not None and test.subject == subject:
            if result is None:
                del self._tests[_place(node)]
            else:
                test.result = result

    def due(self, draft: Draft, secrets: Secrets) -> list[NodeDraft]:
        """Nodes whose test is missing or of something else."""
        return [
            node
            for node in draft.nodes
            if (test := self._tests.get(_place(node))) is None
            or test.subject != _subject(draft, node, secrets)
        ]

    def result(self, node: NodeDraft) -> SshResult | None:
        """The last result of a node."""
        test = self._tests.get(_place(node))
        return test.result if test is not None else None

    def state(self, draft: Draft, node: NodeDraft, secrets: Secrets) -> State:
        """How a node stands now. A changed key comes before everything else."""
        test = self._tests.get(_place(node))
        if test is None:
            return State.UNTESTED
        result = test.result
        shown = {key.fingerprint for key in result.host_keys} if result is not None else set[str]()
        if node.fingerprint and shown and node.fingerprint not in shown:
            return State.CHANGED
        if test.subject != _subject(draft, node, secrets):
            return State.STALE
        if result is None:
            return State.TESTING
        if not result.success:
            return State.FAILED
        return State.CONFIRMED if node.fingerprint else State.NEW

    def best_key(self, node: NodeDraft) -> HostKey | None:
        """The key of a node to pin: of those it showed, the kind that ssh prefers."""
        result = self.result(node)
        keys = {key.type: key for key in reversed(result.host_keys)} if result is not None else {}
        return next((keys[kind] for kind in _PREFERRED if kind in keys), next(iter(keys.values()), None))


def _place(node: NodeDraft) -> tuple[str, int]:
    return node.ip_address, node.ssh_port


def _subject(draft: Draft, node: NodeDraft, secrets: Secrets) -> int:
    return hash(
        (
            *_place(node),
            draft.username,
            draft.auth_method,
            secrets.private_key,
            secrets.passphrase,
            secrets.password,
        )
    )
