"""Every error Keelyard raises on purpose.

    KeelyardError
    ├── InvalidSpec            bad input; carries one problem per field          (422)
    ├── NotFound               no such thing, or not yours to see                (404)
    ├── Conflict               the thing exists or is in a state that forbids it (409)
    │   ├── NameTaken
    │   ├── ClusterBusy
    │   └── JobAlreadyFinished
    ├── Unauthenticated        no, wrong or expired credentials                  (401)
    │   └── SessionEnded
    ├── Forbidden              known caller, missing permission                  (403)
    │   └── AccountDisabled
    ├── IdempotencyMismatch    same key, another body                            (422)
    ├── RunFailed              a playbook ended with failed or unreachable nodes
    ├── ArtifactRejected       bundle, checksum or signature does not hold
    ├── ServiceUnavailable     something Keelyard needs does not answer          (503)
    └── MisconfiguredServer    a setting forbids starting

A message says what happened to what; `remedy` says what to do next. The API renders them, the command line
prints them.
"""

from __future__ import annotations

import msgspec


class FieldProblem(msgspec.Struct, frozen=True):
    """One wrong field of a request: dotted path (`nodes.0.role`) and what is wrong with it."""

    field: str
    message: str


class KeelyardError(Exception):
    """Base of all errors raised on purpose."""

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".strip()


class InvalidSpec(KeelyardError):
    """The request is well-formed but wrong; nothing was written."""

    def __init__(self, problems: list[FieldProblem]) -> None:
        super().__init__("; ".join(f"{problem.field}: {problem.message}" for problem in problems))
        self.problems = problems


class NotFound(KeelyardError):
    """No such thing, or not the caller's to see."""


class Conflict(KeelyardError):
    """The thing exists already or its state forbids the request."""


class NameTaken(Conflict):
    """Another undeleted thing has this name."""


class ClusterBusy(Conflict):
    """The cluster has an active job that forbids the request."""


class JobAlreadyFinished(Conflict):
    """The job has ended; there is nothing left to cancel."""


class Unauthenticated(KeelyardError):
    """No, wrong or expired credentials."""


class SessionEnded(Unauthenticated):
    """A genuine access token whose session has ended or whose account may not come in any more."""

    def __init__(self, account_id: str) -> None:
        super().__init__("The session has ended.", remedy="Log in again.")
        self.account_id = account_id


class Forbidden(KeelyardError):
    """The caller is known but lacks the permission."""


class AccountDisabled(Forbidden):
    """The password was right, but the account is disabled."""


class IdempotencyMismatch(KeelyardError):
    """The same Idempotency-Key came with another body."""


class RunFailed(KeelyardError):
    """A playbook run ended with failed or unreachable nodes."""


class ArtifactRejected(KeelyardError):
    """A bundle, checksum or signature does not hold."""


class ServiceUnavailable(KeelyardError):
    """Something Keelyard needs does not answer."""


class MisconfiguredServer(KeelyardError):
    """A setting forbids starting."""
