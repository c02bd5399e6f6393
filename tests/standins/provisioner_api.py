"""The provisioner API's documented wire format in memory, as an httpx transport for the terminal."""

from __future__ import annotations

import asyncio
import json
import urllib.parse
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import httpx

from tests.standins import event_pages
from tests.standins.provisioner_bodies import (
    CLUSTER_ID,
    CREATED,
    EMAIL,
    EVENT,
    JOB_ID,
    PLAN_ID,
    RETRY_ID,
    cluster,
    job,
    node,
    overview_job,
    user,
    worker,
)

PASSWORD = "correct horse: battery"


def problem(status: int, detail: str) -> httpx.Response:
    """A problem document."""
    body = {"type": "about:blank", "title": "No", "status": status, "detail": detail, "correlation_id": "c-1"}
    return httpx.Response(status, json=body, headers={"Content-Type": "application/problem+json"})


class ProvisionerApi:
    """One account, its clusters, nodes and jobs; events are told to every open stream as they are added."""

    def __init__(self) -> None:
        self.clusters = [cluster()]
        self.nodes = [node("c1", "control-plane"), node("w1"), node("w2")]
        self.jobs = {JOB_ID: job()}
        self.workers = {"yard-1": worker(), "yard-2": worker("yard-2", "lost", jobs=[], forks_used=0)}
        self.users = {"u1": user()}
        self.hosts: list[dict[str, Any]] = []
        self.tasks: list[dict[str, Any]] = []
        self.attention: list[dict[str, Any]] = []
        self.retried: Any = None  # the hosts of the last retry

        self.plans: dict[str, dict[str, Any]] = {}
        self.bodies: list[Any] = []  # of requests that start a job
        self.events: list[dict[str, Any]] = []
        self.requests: list[tuple[str, str]] = []  # method and path with query, in order
        self.tells_news = True
        self.resumed_after: list[int] = []  # where each stream of the job's events began
        self.cut_after: int | None = None  # ends the next stream without a word after this sequence
        self.down = False
        self._access = 0
        self._rejected: set[str] = set()
        self._refresh_revoked = False
        self._ended = False
        self._changed = asyncio.Condition()

    @property
    def transport(self) -> httpx.MockTransport:
        """What an httpx client is given."""
        return httpx.MockTransport(self._answer)

    async def add(self, kind: str, **fields: Any) -> None:
        """One more event of the job."""
        async with self._changed:
            sequence = len(self.events) + 1
            self.events.append({**EVENT, "kind": kind, "sequence": sequence, **fields})
            self._phase(kind, fields)
            self._changed.notify_all()

    def _phase(self, kind: str, fields: dict[str, Any]) -> None:
        for phase in self.jobs[JOB_ID]["phases"]:
            if phase["slug"] == fields.get("phase") and kind == "phase_started":
                phase |= {"status": "running", "started_at": CREATED}
            elif phase["slug"] == fields.get("phase") and kind == "phase_finished":
                phase |= {"status": fields["data"]["status"], "finished_at": CREATED}

    async def end(self, status: str, **changes: Any) -> None:
        """The job is over."""
        self.jobs[JOB_ID] |= {"status": status, "finished_at": CREATED, **changes}
        await self.add("job_finished", data={"status": status})
        async with self._changed:
            self._ended = True
            self._changed.notify_all()

    def expire_access(self) -> None:
        """The access tokens given out so far are no longer good."""
        self._rejected = {f"access-{number}" for number in range(self._access + 1)}

    def revoke_session(self) -> None:
        """Nor is the refresh token."""
        self.expire_access()
        self._refresh_revoked = True

    def count(self, method: str, path: str) -> int:
        """How often something was asked."""
        return self.requests.count((method, path))

    # --- answers ---

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        if self.down:
            raise httpx.ConnectError("connection refused", request=request)
        path = request.url.path.removeprefix("/api/v1")
        query = request.url.query.decode()
        self.requests.append((request.method, f"{path}?{query}" if query else path))
        if path.startswith("/auth/") and path != "/auth/logout":
            return self._auth(path, request)
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not token.startswith("access-") or token in self._rejected:
            return problem(401, "The access token has expired.")
        return self._noun(request, path)

    def _noun(self, request: httpx.Request, path: str) -> httpx.Response:
        match [request.method, *path.strip("/").split("/")]:
            case ["POST", "auth", "logout"]:
                return httpx.Response(204)
            case ["GET", "events"] if self.tells_news or "jobs" in request.url.params:
                return self._live(request.url.params)
            case ["GET", "overview"]:
                return httpx.Response(200, json=self._overview())
            case [_, "clusters", *rest]:
                return self._clusters(request, rest)
            case [_, "workers", *rest]:
                return self._workers(rest)
            case [_, "users", *rest]:
                return self._users(request, rest)
            case ["GET", "jobs"]:
                return self._page(list(self.jobs.values()))
            case [_, "jobs", job_id, *rest] if job_id in self.jobs:
                return self._job(request, job_id, rest)
        return problem(404, f"{path} does not exist.")

    def _overview(self) -> dict[str, Any]:
        running = [overview_job(each) for each in self.jobs.values() if each["status"] == "running"]
        return {
            "at": CREATED,
            "attention": self.attention,
            "attention_count": len(self.attention),
            "running": running,
            "running_count": len(running),
            "queued_count": sum(each["status"] == "queued" for each in self.jobs.values()),
            "clusters": {"running": len(self.clusters)} if self.clusters else {},
            "clusters_count": len(self.clusters),
            "nodes": {"ready": len(self.nodes)},
            "nodes_count": len(self.nodes),
            "workers": [
                {name: worker[name] for name in ("name", "state", "forks", "forks_used")}
                | {"jobs": len(worker["jobs"])}
                for worker in self.workers.values()
            ],
        }

    def _auth(self, path: str, request: httpx.Request) -> httpx.Response:
        if path == "/auth/login":
            form = urllib.parse.parse_qs(request.content.decode())
            if form != {"username": [EMAIL], "password": [PASSWORD]}:
                return problem(401, "Incorrect email or password.")
            self._refresh_revoked = False
        elif (
            self._refresh_revoked or json.loads(request.content)["refresh_token"] != f"refresh-{self._access}"
        ):
            return problem(401, "The session has ended.")
        self._access += 1
        user = {"id": "1", "email": EMAIL, "role": "admin", "full_name": "Ana"}
        tokens = {"access_token": f"access-{self._access}", "refresh_token": f"refresh-{self._access}"}
        return httpx.Response(200, json={**tokens, "token_type": "bearer", "expires_in": 1800, "user": user})

    def _clusters(self, request: httpx.Request, rest: list[str]) -> httpx.Response:
        method = request.method
        if request.content:
            self.bodies.append(json.loads(request.content))
        found = {each["id"]: each for each in self.clusters}
        match [method, *rest]:
            case ["GET"]:
                return self._page(self.clusters)
            case [_, cluster_id, *_] if cluster_id not in found:
                return problem(404, "No such cluster.")
            case ["GET", cluster_id]:
                return httpx.Response(200, json=found[cluster_id])
            case ["GET", _, "nodes"]:
                return self._page(self.nodes)
            case ["GET", _, "kubeconfig"]:
                return httpx.Response(200, text="apiVersion: v1\n")
            case ["GET", _, "plans"]:
                return self._page([{**found, "hosts": None} for found in self.plans.values()])
            case ["POST", cluster_id, "plan" | "verify" as verb]:
                self.jobs[PLAN_ID] = job("running", PLAN_ID, type=verb)
                body = {"message": "Accepted", "cluster_id": cluster_id, "job_id": PLAN_ID}
                return httpx.Response(202, json=body)
            case ["POST", cluster_id, "provision"] | ["DELETE", cluster_id]:
                body = {"message": "Accepted", "cluster_id": cluster_id, "job_id": JOB_ID}
                return httpx.Response(202, json=body)
        return problem(405, "Method not allowed.")

    def _job(self, request: httpx.Request, job_id: str, rest: list[str]) -> httpx.Response:
        match [request.method, *rest]:
            case ["GET"]:
                return httpx.Response(200, json=self.jobs[job_id])
            case ["GET", "events" | "log" as what] if "text/event-stream" not in request.headers["Accept"]:
                return event_pages.answer(what, self.events, request.url.params)
            case ["GET", "hosts"]:
                return self._page(self.hosts)
            case ["GET", "tasks"]:
                return httpx.Response(200, json={"data": self.tasks, "phases": []})

            case ["GET", "plan"] if job_id in self.plans:
                return httpx.Response(200, json=self.plans[job_id])
            case ["GET", "plan"]:
                return problem(404, "The job has no plan.")
            case ["POST", "cancel"]:
                self.jobs[job_id]["status"] = "cancelled"
                return httpx.Response(
                    202, json={"message": "Cancelling", "cluster_id": CLUSTER_ID, "job_id": job_id}
                )
            case ["POST", "retry"]:
                self.retried = json.loads(request.content)["hosts"]
                self.jobs[RETRY_ID] = job("queued", RETRY_ID, retry_of=job_id, started_at=None)
                body = {"message": "Queued", "cluster_id": CLUSTER_ID, "job_id": RETRY_ID}
                return httpx.Response(202, json={**body, "hosts": [{"host": "w1", "because": "failed"}]})
        return problem(405, "Method not allowed.")

    def _live(self, query: httpx.QueryParams) -> httpx.Response:
        followed = query.get("jobs", JOB_ID)
        if followed not in self.jobs:
            return problem(404, "No such job.")
        # Nothing happens to a job other than the first.
        after = int(query["after"]) if "jobs" in query and followed == JOB_ID else None
        self.resumed_after += [] if after is None else [after]
        content = self._stream(after)
        return httpx.Response(200, content=content, headers={"Content-Type": "text/event-stream"})

    async def _stream(self, after: int | None) -> AsyncIterator[bytes]:
        """News that tell nothing, and the job's events where it begins somewhere."""
        yield b": hello\n\n"
        if self.tells_news:
            yield b'event: snapshot\ndata: {"jobs": [], "clusters": []}\n\n'
        told = False
        while True:
            for event in self.events[after:] if after is not None else []:
                after = event["sequence"]
                body = json.dumps({**event, "job_id": JOB_ID})
                yield f"id: x.{after}\nevent: {event['kind']}\ndata: {body}\n\n".encode()
                if after == self.cut_after:
                    self.cut_after = None
                    return
            if self._ended and after is not None and not told:
                told = True
                yield f'event: end\ndata: {{"job_id": "{JOB_ID}"}}\n\n'.encode()
            async with self._changed:
                await self._changed.wait_for(partial(self._has_more, after, told))

    def _has_more(self, after: int | None, told: bool) -> bool:
        return after is not None and (len(self.events) > after or (self._ended and not told))

    def _workers(self, rest: list[str]) -> httpx.Response:
        if not rest:
            return self._page(list(self.workers.values()))
        if len(rest) == 1:
            return httpx.Response(200, json=self.workers[rest[0]])
        name, verb = rest
        state = "draining" if verb == "drain" else "ready"
        self.workers[name] |= {"drained": verb == "drain", "state": state}
        return httpx.Response(200, json=self.workers[name])

    def _users(self, request: httpx.Request, rest: list[str]) -> httpx.Response:
        if request.method == "GET":
            return self._page(list(self.users.values()))
        if request.method == "DELETE":
            del self.users[rest[0]]
            return httpx.Response(204)
        self.bodies.append(json.loads(request.content))
        members = {name: value for name, value in self.bodies[-1].items() if name != "password"}
        if rest:
            self.users[rest[0]] |= members
            return httpx.Response(200, json=self.users[rest[0]])
        if members["email"] in {known["email"] for known in self.users.values()}:
            return problem(409, f"There is an account {members['email']} already.")
        made = user(f"u{len(self.users) + 1}", **members)
        self.users[made["id"]] = made
        return httpx.Response(201, json=made)

    def _page(self, things: list[dict[str, Any]]) -> httpx.Response:
        body = {"total": len(things), "page": 1, "page_size": 100, "total_pages": 1, "data": things}
        return httpx.Response(200, json=body)
