"""Who may do what: one table for every surface."""

from __future__ import annotations

import enum
from collections.abc import Iterable

import msgspec

from engine.domain.errors import Forbidden
from engine.domain.statuses import Role


class Permission(enum.StrEnum):
    """One thing a caller may be allowed to do, as `noun:verb` (also the audit log's action)."""

    CLUSTER_READ = "cluster:read"
    CLUSTER_CREATE = "cluster:create"
    CLUSTER_PROVISION = "cluster:provision"
    CLUSTER_PLAN = "cluster:plan"
    CLUSTER_VERIFY = "cluster:verify"
    CLUSTER_HARDEN = "cluster:harden"
    CLUSTER_SCAN = "cluster:scan"
    CLUSTER_ROTATE_ENCRYPTION_KEY = "cluster:rotate-encryption-key"
    CLUSTER_SET_HARDENING = "cluster:set-hardening"
    CLUSTER_DELETE = "cluster:delete"  # own clusters; any cluster for admins
    CLUSTER_TEST_SSH = "cluster:test-ssh"
    CLUSTER_KUBECONFIG = "cluster:kubeconfig"
    JOB_READ = "job:read"
    JOB_CANCEL = "job:cancel"
    JOB_RETRY = "job:retry"
    WORKER_READ = "worker:read"
    WORKER_DRAIN = "worker:drain"
    WORKER_RESUME = "worker:resume"
    WORKER_DELETE = "worker:delete"  # one that is lost
    SCHEDULE_READ = "schedule:read"
    SCHEDULE_CREATE = "schedule:create"
    SCHEDULE_UPDATE = "schedule:update"
    SCHEDULE_DELETE = "schedule:delete"
    SCHEDULE_RUN = "schedule:run"
    CHANNEL_READ = "notification-channel:read"  # not for viewers: webhook addresses often are secrets
    CHANNEL_CREATE = "notification-channel:create"
    CHANNEL_UPDATE = "notification-channel:update"
    CHANNEL_DELETE = "notification-channel:delete"
    CHANNEL_TEST = "notification-channel:test"
    CHANNEL_REDELIVER = "notification-channel:redeliver"
    TEMPLATE_READ = "template:read"
    TEMPLATE_CREATE = "template:create"
    TEMPLATE_UPDATE = "template:update"
    TEMPLATE_DELETE = "template:delete"  # own templates; any template for admins
    TENANT_READ = "tenant:read"  # the own ones; all for admins
    TENANT_REGISTER = "tenant:register"  # by the control plane's surface
    TENANT_MANAGE = "tenant:manage"
    AUDIT_READ = "audit:read"
    USER_MANAGE = "user:manage"
    SERVICE_TOKEN_READ = "service-token:read"  # noqa: S105
    SERVICE_TOKEN_CREATE = "service-token:create"  # noqa: S105
    SERVICE_TOKEN_REVOKE = "service-token:revoke"  # noqa: S105


_VIEWER = frozenset(
    {
        Permission.CLUSTER_READ,
        Permission.JOB_READ,
        Permission.WORKER_READ,
        Permission.SCHEDULE_READ,
        Permission.TEMPLATE_READ,
        Permission.TENANT_READ,
    }
)
_SERVICE_TOKENS = {
    Permission.SERVICE_TOKEN_READ,
    Permission.SERVICE_TOKEN_CREATE,
    Permission.SERVICE_TOKEN_REVOKE,
}
_OPERATOR = frozenset(Permission) - {Permission.USER_MANAGE, Permission.TENANT_MANAGE} - _SERVICE_TOKENS

GRANTS: dict[Role, frozenset[Permission]] = {
    Role.ADMIN: frozenset(Permission),
    Role.OPERATOR: _OPERATOR,
    Role.VIEWER: _VIEWER,
}


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Whoever makes this request."""

    account_id: str
    email: str
    roles: frozenset[Role]
    full_name: str = ""
    session_id: str | None = None
    tenant_id: str | None = None  # of a service token that was made for one tenant
    limited_to: frozenset[Permission] | None = None  # a service token's permissions; None: all of its roles

    @property
    def highest_role(self) -> Role:
        """The one role the provisioner's contract shows."""
        return next(role for role in Role if role in self.roles)


def allowed(roles: Iterable[Role], permission: Permission) -> bool:
    """Whether any of the roles grants the permission."""
    return any(permission in GRANTS[role] for role in roles)


def least_role(wanted: Iterable[Permission]) -> Role:
    """The lowest role that grants all of these permissions."""
    needed = frozenset(wanted)
    return next(role for role in (Role.VIEWER, Role.OPERATOR, Role.ADMIN) if needed <= GRANTS[role])


def require(principal: Principal, permission: Permission) -> None:
    """Raises Forbidden unless the principal holds the permission."""
    if principal.limited_to is not None and permission not in principal.limited_to:
        raise Forbidden(
            f"Not enough permissions: {permission.value} is not in the scope of {principal.email}.",
            remedy="Use a token that was made for it.",
        )
    if not allowed(principal.roles, permission):
        raise Forbidden(
            f"Not enough permissions: {permission.value} is not granted to {principal.highest_role.value}.",
            remedy="Ask an administrator for a role that includes it.",
        )
