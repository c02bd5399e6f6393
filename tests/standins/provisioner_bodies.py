"""What the provisioner API answers with, as its document and schemas show it."""

from __future__ import annotations

from typing import Any

EMAIL = "ana@example.com"
CREATED = "2026-01-29T10:00:00Z"
CLUSTER_ID = "a1b2c3d4-e5f6-4890-abcd-ef1234567890"
JOB_ID = "f1e2d3c4-b5a6-4890-9cba-fe0987654321"
PLAN_ID = "9bb2d3c4-b5a6-4890-9cba-fe0987654321"
RETRY_ID = "0aa2d3c4-b5a6-4890-9cba-fe0987654321"


def cluster(name: str = "edge-07", status: str = "running", **changes: Any) -> dict[str, Any]:
    """A cluster as the API document shows it."""
    return {
        "id": CLUSTER_ID,
        "name": name,
        "description": "shops [north]",
        "status": status,
        "kubernetes_version": "1.36.2",
        "topology": {"ha": False, "control_plane_count": 1, "worker_count": 2},
        "components": {
            "cni": "flannel",
            "ingress": "none",
            "runtime": "containerd",
            "kubernetes_version": "1.36.2",
        },
        "conditions": [
            {
                "type": "NodesReachable",
                "status": "True",
                "reason": "AllAnswered",
                "message": "",
                "last_transition_time": CREATED,
            }
        ],
        "created_at": CREATED,
        "updated_at": CREATED,
        **changes,
    }


def node(name: str, role: str = "worker") -> dict[str, Any]:
    """A node as the API shows it."""
    return {
        "id": f"node-{name}",
        "name": name,
        "role": role,
        "ip_address": "192.0.2.11",
        "ssh_port": 22,
        "os_type": "debian12",
        "status": "ready",
        "kubernetes_version": "v1.36.2",
        "last_seen": CREATED,
    }


def job(status: str = "running", job_id: str = JOB_ID, **changes: Any) -> dict[str, Any]:
    """A provision job of three phases, the first under way."""
    names = ("Preflight", "Container runtime", "Control plane")
    return {
        "id": job_id,
        "type": "provision",
        "status": status,
        "cluster_id": CLUSTER_ID,
        "cluster_name": "edge-07",
        "created_by": EMAIL,
        "created_at": CREATED,
        "started_at": CREATED,
        "finished_at": None,
        "progress": 0,
        "hosts": {"total": 3, "failed": 0, "unreachable": 0, "changed": 0},
        "phases": [
            {
                "slug": name.lower().replace(" ", "-"),
                "name": name,
                "status": "pending",
                "started_at": None,
                "finished_at": None,
            }
            for name in names
        ],
        **changes,
    }


def worker(name: str = "yard-1", state: str = "ready", **changes: Any) -> dict[str, Any]:
    """A worker with one job on two nodes."""
    return {
        "name": name,
        "hostname": name,
        "version": "0.1.0",
        "state": state,
        "drained": False,
        "forks": 8,
        "forks_used": 2,
        "memory_mb": 22_528,
        "memory_mb_used": 400,
        "concurrency": None,
        "jobs": [JOB_ID],
        "started_at": CREATED,
        "last_seen": CREATED,
        "silent_seconds": 1.4,
        **changes,
    }


def host(name: str, status: str = "running", **changes: Any) -> dict[str, Any]:
    """A node of a job."""
    counts = dict.fromkeys(("ok", "changed", "failed", "unreachable", "skipped", "rescued", "ignored"), 0)
    words = dict.fromkeys(("phase", "task", "failure", "failed_task"))
    other = {"duration_seconds": 0.0, "because": "", "last_sequence": 0}
    return {"host": name, "status": status, **counts, **words, **other, **changes}


def plan(**hosts: Any) -> dict[str, Any]:
    """A plan of two nodes: one change of each certainty on c1, with a difference, and w1 not Ready."""
    items = [
        {
            "phase": "containerd",
            "task": "Configure containerd",
            "what": "/etc/containerd/config.toml",
            "certainty": "exact",
            "diffs": [
                {
                    "title": "/etc/containerd/config.toml",
                    "before": "version = [2]\n",
                    "after": "version = 3\n",
                }
            ],
        },
        {"phase": "containerd", "task": "Run containerd", "what": "restarts it", "certainty": "declared"},
        {"phase": "cni", "task": "Do something", "what": "cannot be told", "certainty": "unknown"},
    ]
    findings = [{"subject": "w1", "problem": "is not Ready: stopped"}]
    return {
        "id": "p1",
        "job_id": PLAN_ID,
        "cluster_id": CLUSTER_ID,
        "kind": "plan",
        "hash": "ab" * 32,
        "facts_hash": "cd" * 32,
        "spec_hash": "ef" * 32,
        "created_at": CREATED,
        "summary": {
            "hosts": 2,
            "changed_hosts": 1,
            "changes": 3,
            "exact": 1,
            "declared": 1,
            "unknown": 1,
            "findings": 1,
        },
        "hosts": hosts or {"c1": {"items": items, "findings": findings}, "w1": {}},
    }


EVENT = {
    "attempt": 1,
    "created_at": CREATED,
    "phase": None,
    "host": None,
    "task": None,
    "role": None,
    "message": "",
    "duration_seconds": None,
    "data": {},
}


def user(user_id: str = "u1", email: str = "vera@example.com", **changes: Any) -> dict[str, Any]:
    """A user as the API shows it."""
    return {
        "id": user_id,
        "email": email,
        "full_name": "Vera Vale",
        "role": "viewer",
        "enabled": True,
        "created_at": CREATED,
        "updated_at": CREATED,
        **changes,
    }


def overview_job(job: dict[str, Any]) -> dict[str, Any]:
    """A running job as the overview shows it."""
    under_way = [phase["name"] for phase in job["phases"] if phase["status"] == "running"]
    shown = {
        name: job[name] for name in ("id", "type", "cluster_id", "cluster_name", "progress", "started_at")
    }
    return {
        **shown,
        "phase": under_way[0] if under_way else None,
        "phases_done": sum(phase["status"] == "succeeded" for phase in job["phases"]),
        "phases": len(job["phases"]),
        "estimated_finish_at": job.get("estimated_finish_at"),
    }


def wanted(number: int = 1, **changes: Any) -> dict[str, Any]:
    """Something that wants somebody: a failed job."""
    return {
        "id": f"job/{number}",
        "kind": "job",
        "severity": "critical",
        "what": "provision",
        "subject": {"noun": "jobs", "id": JOB_ID, "name": f"edge-{number:02}"},
        "message": 'failed in "Join the workers" on w1: no route',
        "since": CREATED,
        "action": "retry",
        **changes,
    }
