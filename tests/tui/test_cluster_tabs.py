"""What belongs to a cluster, tab by tab, against the real API."""

from __future__ import annotations

import uuid

from engine.store import database
from tests.contract import harness
from tests.tui.conftest import screen_text, sees, until
from tests.tui.test_against_the_api import create, signed_in


async def test_the_tabs_of_a_cluster_tell_what_belongs_to_it(server: harness.Api):
    await create(server)
    client = await server.admin()
    found = (await client.get("/api/v1/clusters/yard-1")).json()
    await client.post(
        "/api/v1/schedules",
        json={"name": "nightly", "cluster_id": "yard-1", "job_type": "verify", "cron": "0 2 * * *"},
    )
    await database.fetch(
        """INSERT INTO node (id, cluster_id, name, role, ip_address, os_type, status, machine_id, position)
           SELECT gen_random_uuid(), $1, 'w-' || n, 'worker', '10.9.' || n / 250 || '.' || n % 250,
               'debian12', 'ready', '', 1 + n FROM generate_series(1, 1998) AS n""",
        uuid.UUID(found["id"]),
    )
    async with signed_in(server) as pilot:
        await sees(pilot, "yard-1")
        await pilot.press("enter")
        await sees(pilot, "LAST JOBS")
        await sees(pilot, "Default (default)")
        await sees(pilot, "○ queued  provision")
        await pilot.press("less_than_sign")
        await sees(pilot, "machine_id")
        assert "PRIVATE KEY" not in screen_text(pilot)
        await pilot.press("less_than_sign")
        await sees(pilot, "schedules 1")
        await sees(pilot, "nightly")
        await pilot.press("less_than_sign")
        await sees(pilot, "No plans yet.")
        await pilot.press("less_than_sign", "less_than_sign", "less_than_sign")
        await sees(pilot, "nodes 2000 · page 1/20")
        await pilot.press("right_square_bracket")
        await sees(pilot, "page 2/20")
        await pilot.press("slash", *"w-1998", "enter")
        await sees(pilot, 'nodes 1 · search "w-1998"')
        await sees(pilot, "10.9.7.248")
        await pilot.press("escape")
        await sees(pilot, "nodes 2000 · page 1/20")
        await pilot.press("s", "S")
        await until(pilot, lambda: "NODE▼" in screen_text(pilot), "the order")
        await sees(pilot, "worker-01")

        await pilot.press("m")
        await sees(pilot, "New template from a cluster")
        await pilot.press("tab", *"like-yard", "ctrl+s")
        await sees(pilot, "Template like-yard is made.")
        await pilot.press("k")
        told = pilot.app._notifications
        await until(pilot, lambda: any("no kubeconfig yet" in each.message for each in told), "why")
    assert (await client.get("/api/v1/templates/like-yard")).status_code == 200
