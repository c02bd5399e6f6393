"""The API as the terminal uses it: typed calls on one session."""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import httpx
import msgspec

from tui import wire
from tui.answers import decode
from tui.session import Session

PAGE_SIZE = 100
_STREAM_TIMEOUT = httpx.Timeout(15.0, connect=5.0, read=60.0)  # the server sends keep-alives well within


class Client(Session):
    """What can be asked of the server, noun by noun."""

    # --- clusters ---

    async def clusters(self, page: int = 1) -> wire.Page[wire.ClusterItem]:
        """One page of clusters."""
        return await self._get(
            "/api/v1/clusters", wire.Page[wire.ClusterItem], page=page, page_size=PAGE_SIZE
        )

    async def cluster(self, cluster_id: str) -> wire.Cluster:
        """One cluster."""
        return await self._get(f"/api/v1/clusters/{cluster_id}", wire.Cluster)

    async def nodes(self, cluster_id: str) -> wire.Page[wire.Node]:
        """The first page of a cluster's nodes."""
        return await self._get(
            f"/api/v1/clusters/{cluster_id}/nodes", wire.Page[wire.Node], page_size=PAGE_SIZE
        )

    async def provision(self, cluster_id: str, *, plan_hash: str | None = None) -> wire.Accepted:
        """Queues a provision job; with a hash one that applies that plan and nothing else."""
        body = None if plan_hash is None else {"plan_hash": plan_hash}
        return await self._post(f"/api/v1/clusters/{cluster_id}/provision", body)

    async def plan(self, cluster_id: str) -> wire.Accepted:
        """Queues a job that finds out what a provision job would change."""
        return await self._post(f"/api/v1/clusters/{cluster_id}/plan")

    async def verify(self, cluster_id: str) -> wire.Accepted:
        """Queues a job that finds out what differs from the spec."""
        return await self._post(f"/api/v1/clusters/{cluster_id}/verify")

    async def plans(self, cluster_id: str) -> wire.Page[wire.PlanLine]:
        """The newest plans of a cluster."""
        path = f"/api/v1/clusters/{cluster_id}/plans"
        return await self._get(path, wire.Page[wire.PlanLine], page_size=PAGE_SIZE)

    async def job_plan(self, job_id: str) -> wire.Plan:
        """What a plan or verify job found. Raises NotThere while there is nothing."""
        return await self._get(f"/api/v1/jobs/{job_id}/plan", wire.Plan)

    async def delete_cluster(self, cluster_id: str, *, deprovision: bool) -> wire.Deleted:
        """Deletes the record alone, or queues a job that also undoes the nodes."""
        response = await self._call(
            "DELETE", f"/api/v1/clusters/{cluster_id}", params={"deprovision": str(deprovision).lower()}
        )
        return decode(response, wire.Deleted)

    async def kubeconfig(self, cluster_id: str) -> str:
        """The cluster's admin kubeconfig, YAML. Raises NotThere while there is none."""
        response = await self._call(
            "GET", f"/api/v1/clusters/{cluster_id}/kubeconfig", headers={"Accept": "application/x-yaml, */*"}
        )
        return response.text

    # --- jobs ---

    async def jobs(self, page: int = 1, *, cluster_id: str | None = None) -> wire.Page[wire.Job]:
        """One page of jobs, newest first; of one cluster when asked so."""
        query: dict[str, Any] = {"page": page, "page_size": PAGE_SIZE}
        if cluster_id is not None:
            query["cluster_id"] = cluster_id
        return await self._get("/api/v1/jobs", wire.Page[wire.Job], **query)

    async def job(self, job_id: str) -> wire.Job:
        """One job with its phases."""
        return await self._get(f"/api/v1/jobs/{job_id}", wire.Job)

    async def cancel(self, job_id: str) -> wire.Accepted:
        """Asks the job to stop."""
        return await self._post(f"/api/v1/jobs/{job_id}/cancel")

    async def retry(self, job_id: str, hosts: str | list[str] = "failed") -> wire.Retried:
        """Queues a new job that resumes this one: on what failed, on `all`, or on the nodes named."""
        response = await self._call(
            "POST",
            f"/api/v1/jobs/{job_id}/retry",
            headers={"Idempotency-Key": str(uuid.uuid4())},
            json={"hosts": hosts},
        )
        return decode(response, wire.Retried)

    async def job_hosts(self, job_id: str, most: int = 500) -> list[wire.JobHost]:
        """How a job stands on its nodes, in the cluster's order; at most so many."""
        found: list[wire.JobHost] = []
        number = 1
        while len(found) < most:
            page = await self._get(
                f"/api/v1/jobs/{job_id}/hosts", wire.Page[wire.JobHost], page=number, page_size=PAGE_SIZE
            )
            found += page.data
            number += 1
            if number > page.total_pages:
                break
        return found

    async def slowest_tasks(self, job_id: str) -> wire.SlowestTasks:
        """What took longest, in the job and in each phase."""
        return await self._get(f"/api/v1/jobs/{job_id}/tasks", wire.SlowestTasks, order="duration")

    async def event_page(self, job_id: str, **where: Any) -> wire.EventPage:
        """A page of a job's events: `tail=True`, `before=` or `after=` a sequence, with `limit` and filters
        (`phase`, `host`, `kind`, `status`, `search`). Raises ApiError.
        """
        query = {name: value for name, value in where.items() if value is not None}
        return await self._get(f"/api/v1/jobs/{job_id}/events", wire.EventPage, **query)

    # --- schedules ---

    async def schedules(self, page: int = 1) -> wire.Page[wire.Schedule]:
        """One page of schedules, by name."""
        return await self._get("/api/v1/schedules", wire.Page[wire.Schedule], page=page, page_size=PAGE_SIZE)

    async def schedule(self, schedule_id: str) -> wire.Schedule:
        """One schedule with its next due times."""
        return await self._get(f"/api/v1/schedules/{schedule_id}", wire.Schedule)

    async def schedule_runs(self, schedule_id: str) -> wire.Page[wire.ScheduleRun]:
        """The latest of what became of a schedule's due times."""
        path = f"/api/v1/schedules/{schedule_id}/runs"
        return await self._get(path, wire.Page[wire.ScheduleRun], page_size=PAGE_SIZE)

    async def save_schedule(self, values: dict[str, Any], schedule_id: str | None) -> wire.Schedule:
        """Makes a schedule, or replaces the one with this id."""
        method, path = ("POST", "") if schedule_id is None else ("PUT", f"/{schedule_id}")
        return decode(await self._call(method, f"/api/v1/schedules{path}", json=values), wire.Schedule)

    async def switch_schedule(self, schedule_id: str, *, enabled: bool) -> wire.Schedule:
        """Turns a schedule on or off."""
        path = f"/api/v1/schedules/{schedule_id}"
        return decode(await self._call("PATCH", path, json={"enabled": enabled}), wire.Schedule)

    async def run_schedule(self, schedule_id: str) -> wire.Accepted:
        """Queues a schedule's job now."""
        return await self._post(f"/api/v1/schedules/{schedule_id}/run")

    async def delete_schedule(self, schedule_id: str) -> None:
        """Deletes a schedule; its jobs stay."""
        await self._call("DELETE", f"/api/v1/schedules/{schedule_id}")

    # --- notification channels ---

    async def channels(self, page: int = 1) -> wire.Page[wire.Channel]:
        """One page of notification channels, by name."""
        return await self._get(
            "/api/v1/notification-channels", wire.Page[wire.Channel], page=page, page_size=PAGE_SIZE
        )

    async def deliveries(self, channel_id: str, page: int = 1) -> wire.Page[wire.Delivery]:
        """One page of a channel's notices, latest first."""
        path = f"/api/v1/notification-channels/{channel_id}/deliveries"
        return await self._get(path, wire.Page[wire.Delivery], page=page, page_size=PAGE_SIZE)

    async def save_channel(self, values: dict[str, Any], channel_id: str | None) -> wire.Channel:
        """Makes a channel, whose answer alone has the secret, or replaces the one with this id."""
        method, path = ("POST", "") if channel_id is None else ("PUT", f"/{channel_id}")
        response = await self._call(method, f"/api/v1/notification-channels{path}", json=values)
        return decode(response, wire.Channel)

    async def rotate_secret(self, channel_id: str) -> wire.Channel:
        """Gives a webhook a new secret; this answer alone has it."""
        path = f"/api/v1/notification-channels/{channel_id}/rotate-secret"
        return decode(await self._call("POST", path), wire.Channel)

    async def switch_channel(self, channel_id: str, *, enabled: bool) -> wire.Channel:
        """Turns a channel on or off."""
        path = f"/api/v1/notification-channels/{channel_id}"
        return decode(await self._call("PATCH", path, json={"enabled": enabled}), wire.Channel)

    async def test_channel(self, channel_id: str) -> wire.DeliveryQueued:
        """Queues a notice that says it is a test."""
        path = f"/api/v1/notification-channels/{channel_id}/test"
        return decode(await self._call("POST", path), wire.DeliveryQueued)

    async def redeliver(self, channel_id: str, delivery_id: str) -> wire.DeliveryQueued:
        """Sends a notice once more."""
        path = f"/api/v1/notification-channels/{channel_id}/deliveries/{delivery_id}/redeliver"
        return decode(await self._call("POST", path), wire.DeliveryQueued)

    async def delete_channel(self, channel_id: str) -> None:
        """Deletes a channel and its notices."""
        await self._call("DELETE", f"/api/v1/notification-channels/{channel_id}")

    # --- workers ---

    async def workers(self, page: int = 1) -> wire.Page[wire.Worker]:
        """One page of workers, by name."""
        return await self._get("/api/v1/workers", wire.Page[wire.Worker], page=page, page_size=PAGE_SIZE)

    async def set_drained(self, name: str, *, drained: bool) -> wire.Worker:
        """Drains a worker, or lets it take jobs again."""
        path = f"/api/v1/workers/{quote(name, safe='')}/{'drain' if drained else 'resume'}"
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        return decode(await self._call("POST", path, headers=headers), wire.Worker)

    # --- audit log ---

    async def audit_log(self, page: int = 1, **where: str) -> wire.Page[wire.AuditEntry]:
        """One page of entries, newest first, by `actor`, `action`, `resource`, `status`, `since`, `until`."""
        return await self._get(
            "/api/v1/audit-logs", wire.Page[wire.AuditEntry], page=page, page_size=PAGE_SIZE, **where
        )

    # --- templates ---

    async def templates(self, page: int = 1) -> wire.Page[wire.Template]:
        """One page of templates, by name."""
        return await self._get("/api/v1/templates", wire.Page[wire.Template], page=page, page_size=PAGE_SIZE)

    async def template_versions(self, template_id: str, page: int = 1) -> wire.Page[wire.Template]:
        """One page of a template's versions, latest first."""
        path = f"/api/v1/templates/{template_id}/versions"
        return await self._get(path, wire.Page[wire.Template], page=page, page_size=PAGE_SIZE)

    async def template_from(self, cluster: wire.Cluster, name: str, description: str) -> wire.Template:
        """Makes a template of what a cluster is. Raises ApiError."""
        said = {
            "name": name,
            "description": description,
            "topology": msgspec.to_builtins(cluster.topology),
            "components": msgspec.to_builtins(cluster.components),
        }
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        response = await self._call("POST", "/api/v1/templates", headers=headers, json=said)
        return decode(response, wire.Template)

    async def delete_template(self, template_id: str) -> None:
        """Deletes a template with all its versions. Raises ApiError."""
        await self._call("DELETE", f"/api/v1/templates/{template_id}")

    # --- users ---

    async def users(self, page: int = 1) -> wire.Page[wire.Account]:
        """One page of users, by e-mail address."""
        return await self._get("/api/v1/users", wire.Page[wire.Account], page=page, page_size=PAGE_SIZE)

    async def save_user(self, values: dict[str, Any], user_id: str | None = None) -> wire.Account:
        """Makes a user, or changes members of one. Raises ApiError."""
        if user_id is not None:
            response = await self._call("PUT", f"/api/v1/users/{user_id}", json=values)
        else:
            headers = {"Idempotency-Key": str(uuid.uuid4())}
            response = await self._call("POST", "/api/v1/users", headers=headers, json=values)
        return decode(response, wire.Account)

    async def delete_user(self, user_id: str) -> None:
        """Deletes a user. Raises ApiError."""
        await self._call("DELETE", f"/api/v1/users/{user_id}")

    # --- streams ---

    @asynccontextmanager
    async def events(self, job_id: str, after: int) -> AsyncGenerator[httpx.Response]:
        """The open event stream of a job, after the given sequence. Raises ApiError."""
        headers = {"Accept": "text/event-stream", "Cache-Control": "no-store"}
        if after:
            headers["Last-Event-ID"] = str(after)
        request = self._http.build_request(
            "GET", f"/api/v1/jobs/{job_id}/events", headers=headers, timeout=_STREAM_TIMEOUT
        )
        async with self._stream(request) as response:
            yield response

    @asynccontextmanager
    async def everything(self, jobs: Sequence[str] = (), last: str = "") -> AsyncGenerator[httpx.Response]:
        """The open stream of all changes, or of these jobs' events after an opaque id. Raises ApiError."""
        headers = {"Accept": "text/event-stream", "Cache-Control": "no-store"}
        if last:
            headers["Last-Event-ID"] = last
        query = {"jobs": ",".join(jobs)} if jobs else {}
        request = self._http.build_request(
            "GET", "/api/v1/events", params=query, headers=headers, timeout=_STREAM_TIMEOUT
        )
        async with self._stream(request) as response:
            yield response
