"""Which operations of the API each command carries out, as the OpenAPI document names them.

A test compares this table with the document, so that nothing of the API is out of the command line's reach,
and with the operations that the commands name, so that the table is true.
"""

from __future__ import annotations

from collections.abc import Mapping

from tui.command_line import (
    applying,
    channels,
    deleting,
    hardening,
    kinds,
    making,
    members,
    resources,
    switching,
)

_LOOKS = "GET /api/v1/jobs/{job_id}/plan"
_FOLLOWS = ("GET /api/v1/jobs/{job_id}", "GET /api/v1/jobs/{job_id}/events")
_PROVISION = "POST /api/v1/clusters/{cluster_id}/provision"
_PLAN = "POST /api/v1/clusters/{cluster_id}/plan"

OPERATIONS: Mapping[str, tuple[str, ...]] = {
    "login": ("POST /api/v1/auth/login", "POST /api/v1/auth/refresh"),
    "logout": ("POST /api/v1/auth/logout",),
    "get": tuple(operation for one in resources.RESOURCES for operation in one.operations),
    "get -w": ("GET /api/v1/events",),
    "logs": ("GET /api/v1/jobs/{job_id}/log", *_FOLLOWS),
    "cancel": ("POST /api/v1/jobs/{job_id}/cancel", *_FOLLOWS),
    "retry": ("POST /api/v1/jobs/{job_id}/retry", *_FOLLOWS),
    "provision": (_PROVISION, *_FOLLOWS),
    "plan": (_PLAN, _LOOKS, *_FOLLOWS),
    "verify": ("POST /api/v1/clusters/{cluster_id}/verify", _LOOKS, *_FOLLOWS),
    "harden": (hardening.HARDEN, *_FOLLOWS),
    "scan": (hardening.SCAN, *_FOLLOWS),
    "rotate-encryption-key": (hardening.ROTATE, *_FOLLOWS),
    "hardening-report": (hardening.EXPORT,),
    "artifact": (hardening.ARTIFACT,),
    "kubeconfig": ("GET /api/v1/clusters/{cluster_id}/kubeconfig",),
    "test-ssh": ("POST /api/v1/clusters/test-ssh",),
    "apply": (
        applying.SPEC,
        applying.MAKE_CLUSTER,
        applying.CHANGE_HARDENING,
        _PLAN,
        _LOOKS,
        _PROVISION,
        *(kind.make for kind in kinds.KINDS),
        *(kind.change for kind in kinds.KINDS),
    ),
    "create": (making.MAKE_TOKEN, *(kind.make for kind in kinds.KINDS)),
    "set": tuple(kind.change for kind in kinds.KINDS),
    "delete": tuple(operation for operation, _ in deleting.DELETIONS.values()),
    "enable, disable": tuple(switching.SWITCHES.values()),
    "drain, resume": switching.DRAINS,
    "members": (members.ADD, members.PUT, members.REMOVE),
    "run-schedule": ("POST /api/v1/schedules/{schedule_id}/run",),
    "rotate-secret": (channels.ROTATE,),
    "test-channel": (channels.TEST,),
    "redeliver": (channels.REDELIVER,),
}

#: What the command line leaves out, and why.
LEFT_OUT: Mapping[str, str] = {
    "POST /api/v1/auth/session": "sign-ins of browsers, kept in cookies",
    "POST /api/v1/auth/session/refresh": "sign-ins of browsers, kept in cookies",
    "DELETE /api/v1/auth/session": "sign-ins of browsers, kept in cookies",
}
