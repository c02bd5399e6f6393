"""Who may ask for what: every route of the server, once. A route that is not here fails the walk."""

from __future__ import annotations

import enum
from typing import Any, NamedTuple

from engine.domain.statuses import Role


class Least(enum.IntEnum):
    """The least that a caller has to be."""

    ANYBODY = 0
    ACCOUNT = 1  # whoever has a good token
    VIEWER = 2
    OPERATOR = 3
    ADMIN = 4
    BROWSER = 5  # who has a cookie of its own: no token helps


class Whose(enum.Enum):
    """What of it another tenant's operator sees."""

    NOBODYS = "not a tenant's"
    TENANTS = "a tenant's thing: not there"
    LIST = "a tenant's things: an empty list"


RANKS = {Role.VIEWER: Least.VIEWER, Role.OPERATOR: Least.OPERATOR, Role.ADMIN: Least.ADMIN}


class Rule(NamedTuple):
    """One route's line of the table; `body` is one that a caller who may would have carried out."""

    least: Least
    whose: Whose = Whose.NOBODYS
    body: Any = None


NAMED = {"name": "nightly", "cluster_id": "{cluster_id}", "job_type": "verify", "cron": "0 4 * * *"}
HOOK = {"name": "hook", "kind": "webhook", "url": "https://hooks.example.com/2"}

_VIEW = Rule(Least.VIEWER, Whose.TENANTS)
_DO = Rule(Least.OPERATOR, Whose.TENANTS)
_LIST = Rule(Least.VIEWER, Whose.LIST)
_MAKE = Rule(Least.OPERATOR, body={})
_ADMIN = Rule(Least.ADMIN, body={})
_OPEN = Rule(Least.ANYBODY, body={})

TABLE: dict[tuple[str, str], Rule] = {
    ("GET", "/"): _OPEN,
    ("GET", "/health"): _OPEN,
    ("GET", "/metrics"): _OPEN,  # to loopback
    ("POST", "/api/v1/auth/login"): _OPEN,
    ("POST", "/api/v1/auth/refresh"): _OPEN,
    ("POST", "/api/v1/auth/session"): _OPEN,
    ("POST", "/api/v1/auth/session/refresh"): Rule(Least.BROWSER),
    ("DELETE", "/api/v1/auth/session"): Rule(Least.ACCOUNT),
    ("POST", "/api/v1/auth/logout"): Rule(Least.ACCOUNT),
    ("GET", "/api/v1/auth/me"): Rule(Least.ACCOUNT),
    ("POST", "/control-plane/auth/login"): _OPEN,
    ("POST", "/control-plane/auth/password-reset/request"): _OPEN,
    ("POST", "/control-plane/auth/password-reset/confirm"): _OPEN,
    ("GET", "/control-plane/staff/me"): Rule(Least.ACCOUNT),
    ("POST", "/control-plane/staff/register"): _ADMIN,
    ("POST", "/control-plane/staff/enable"): _ADMIN,
    ("POST", "/control-plane/staff/disable"): _ADMIN,
    ("POST", "/control-plane/tenant/register"): _MAKE,
    ("GET", "/api/v1/catalogue"): Rule(Least.VIEWER),
    ("GET", "/api/v1/overview"): Rule(Least.VIEWER),  # what it leaves out has a test of its own
    ("GET", "/api/v1/clusters"): _LIST,
    ("POST", "/api/v1/clusters"): _MAKE,
    ("POST", "/api/v1/clusters/test-ssh"): _MAKE,
    ("GET", "/api/v1/clusters/{cluster_id}"): _VIEW,
    ("GET", "/api/v1/clusters/{cluster_id}/spec"): _VIEW,
    ("GET", "/api/v1/clusters/{cluster_id}/nodes"): _VIEW,
    ("GET", "/api/v1/clusters/{cluster_id}/plans"): _VIEW,
    ("GET", "/api/v1/clusters/{cluster_id}/kubeconfig"): _DO,
    ("POST", "/api/v1/clusters/{cluster_id}/provision"): _DO,
    ("POST", "/api/v1/clusters/{cluster_id}/plan"): _DO,
    ("POST", "/api/v1/clusters/{cluster_id}/verify"): _DO,
    ("GET", "/api/v1/clusters/{cluster_id}/hardening"): _VIEW,
    ("PATCH", "/api/v1/clusters/{cluster_id}/hardening"): _DO._replace(body={"level": 1}),
    ("GET", "/api/v1/hardening/items"): Rule(Least.VIEWER),
    ("POST", "/api/v1/clusters/{cluster_id}/harden"): _DO,
    ("POST", "/api/v1/clusters/{cluster_id}/scan"): _DO,
    ("POST", "/api/v1/clusters/{cluster_id}/rotate-encryption-key"): _DO,
    ("DELETE", "/api/v1/clusters/{cluster_id}"): _DO,
    ("GET", "/api/v1/jobs"): _LIST,
    ("GET", "/api/v1/jobs/{job_id}"): _VIEW,
    ("GET", "/api/v1/jobs/{job_id}/events"): _VIEW,
    ("GET", "/api/v1/jobs/{job_id}/log"): _VIEW,
    ("GET", "/api/v1/jobs/{job_id}/hosts"): _VIEW,
    ("GET", "/api/v1/jobs/{job_id}/tasks"): _VIEW,
    ("GET", "/api/v1/jobs/{job_id}/plan"): _VIEW,
    ("GET", "/api/v1/jobs/{job_id}/artifacts"): _VIEW,
    ("GET", "/api/v1/jobs/{job_id}/artifacts/{name}"): _VIEW,
    ("GET", "/api/v1/clusters/{cluster_id}/hardening/reports"): _VIEW,
    ("GET", "/api/v1/hardening/reports/{report_id}"): _VIEW,
    ("GET", "/api/v1/hardening/reports/{report_id}/results"): _VIEW,
    ("GET", "/api/v1/hardening/reports/{report_id}/diff"): _VIEW,
    ("GET", "/api/v1/hardening/reports/{report_id}/export"): _VIEW,
    ("POST", "/api/v1/jobs/{job_id}/cancel"): _DO,
    ("POST", "/api/v1/jobs/{job_id}/retry"): _DO,
    ("GET", "/api/v1/events"): Rule(Least.VIEWER),  # a stream; what it leaves out has a test of its own
    ("GET", "/api/v1/schedules"): _LIST,
    ("POST", "/api/v1/schedules"): _MAKE,
    ("GET", "/api/v1/schedules/preview"): Rule(Least.VIEWER),
    ("GET", "/api/v1/schedules/{schedule_id}"): _VIEW,
    ("GET", "/api/v1/schedules/{schedule_id}/runs"): _VIEW,
    ("PUT", "/api/v1/schedules/{schedule_id}"): _DO._replace(body=NAMED),
    ("PATCH", "/api/v1/schedules/{schedule_id}"): _DO._replace(body={"enabled": False}),
    ("POST", "/api/v1/schedules/{schedule_id}/run"): _DO,
    ("DELETE", "/api/v1/schedules/{schedule_id}"): _DO,
    ("GET", "/api/v1/workers"): Rule(Least.VIEWER),
    ("GET", "/api/v1/workers/{name}"): Rule(Least.VIEWER),
    ("POST", "/api/v1/workers/{name}/drain"): Rule(Least.OPERATOR),
    ("POST", "/api/v1/workers/{name}/resume"): Rule(Least.OPERATOR),
    ("DELETE", "/api/v1/workers/{name}"): Rule(Least.OPERATOR),
    ("GET", "/api/v1/notification-channels"): Rule(Least.OPERATOR, Whose.LIST),
    ("POST", "/api/v1/notification-channels"): _MAKE,
    ("GET", "/api/v1/notification-channels/{channel_id}"): _DO,
    ("PUT", "/api/v1/notification-channels/{channel_id}"): _DO._replace(body=HOOK),
    ("PATCH", "/api/v1/notification-channels/{channel_id}"): _DO._replace(body={"enabled": True}),
    ("POST", "/api/v1/notification-channels/{channel_id}/rotate-secret"): _DO,
    ("POST", "/api/v1/notification-channels/{channel_id}/test"): _DO,
    ("GET", "/api/v1/notification-channels/{channel_id}/deliveries"): _DO,
    ("GET", "/api/v1/notification-channels/{channel_id}/deliveries/{delivery_id}"): _DO,
    ("POST", "/api/v1/notification-channels/{channel_id}/deliveries/{delivery_id}/redeliver"): _DO,
    ("DELETE", "/api/v1/notification-channels/{channel_id}"): _DO,
    ("GET", "/api/v1/templates"): _LIST,
    ("POST", "/api/v1/templates"): _MAKE,
    ("GET", "/api/v1/templates/{template_id}"): _VIEW,
    ("GET", "/api/v1/templates/{template_id}/versions"): _VIEW,
    ("PUT", "/api/v1/templates/{template_id}"): _DO._replace(body={"name": "small"}),
    ("DELETE", "/api/v1/templates/{template_id}"): _DO,
    ("GET", "/api/v1/users"): _ADMIN,
    ("POST", "/api/v1/users"): _ADMIN,
    ("GET", "/api/v1/users/{user_id}"): _ADMIN,
    ("PUT", "/api/v1/users/{user_id}"): _ADMIN,
    ("DELETE", "/api/v1/users/{user_id}"): _ADMIN,
    ("GET", "/api/v1/service-tokens"): _ADMIN,
    ("POST", "/api/v1/service-tokens"): _ADMIN,
    ("GET", "/api/v1/service-tokens/{token_id}"): _ADMIN,
    ("DELETE", "/api/v1/service-tokens/{token_id}"): _ADMIN,
    ("GET", "/api/v1/tenants"): Rule(Least.VIEWER),  # the own ones
    ("POST", "/api/v1/tenants"): _ADMIN,
    ("GET", "/api/v1/tenants/{tenant_id}"): _VIEW,
    ("PUT", "/api/v1/tenants/{tenant_id}"): _ADMIN,
    ("DELETE", "/api/v1/tenants/{tenant_id}"): _ADMIN,
    ("GET", "/api/v1/tenants/{tenant_id}/members"): _VIEW,
    ("POST", "/api/v1/tenants/{tenant_id}/members"): _ADMIN,
    ("PUT", "/api/v1/tenants/{tenant_id}/members/{user_id}"): _ADMIN,
    ("DELETE", "/api/v1/tenants/{tenant_id}/members/{user_id}"): _ADMIN,
    ("GET", "/api/v1/audit-logs"): Rule(Least.OPERATOR),
    ("GET", "/api/v1/audit-logs/head"): Rule(Least.OPERATOR),
}
