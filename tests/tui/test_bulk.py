"""One key on several marked lines: asked once, done past refusals, told once."""

from __future__ import annotations

from engine.domain.statuses import JobStatus
from engine.store import database
from tests.contract import harness
from tests.tui.conftest import screen_text, sees, until
from tests.tui.test_against_the_api import signed_in
from tui import bulk, errors


async def three(server: harness.Api) -> list[str]:
    """Three clusters without jobs; their ids, the last made first."""
    client = await server.admin()
    made = []
    for number in (1, 2, 3):
        body = harness.cluster_body(f"yard-{number}", network=f"198.51.{number}", provision_immediately=False)
        made.append((await client.post("/api/v1/clusters", json=body)).json()["cluster"]["id"])
    return made[::-1]


async def test_marked_clusters_are_verified_cancelled_retried_and_deleted_together(
    server: harness.Api,
):
    client = await server.admin()
    await three(server)
    async with signed_in(server) as pilot:
        await sees(pilot, "clusters 3")
        await pilot.press("space", "space")
        await sees(pilot, "+ 2 marked")
        await sees(pilot, "+ yard-3")
        await pilot.press("v")
        await sees(pilot, "Verify 2: yard-3, yard-2?")
        await pilot.press("y")
        await sees(pilot, "Verify: 2 done.")
        await sees(pilot, "○ verify")
        assert "marked" not in screen_text(pilot)

        await pilot.press("2")
        await sees(pilot, "jobs 2")
        await pilot.press("ctrl+a", "x")
        await sees(pilot, "Cancel 2: verify yard-2, verify yard-3?")
        await pilot.press("y")
        await sees(pilot, "▲ cancelled")
        await sees(pilot, "Cancel: 2 done.")
        await pilot.press("F")
        await sees(pilot, "[cancelled]")
        await sees(pilot, "jobs 2")
        await pilot.press("F")
        await sees(pilot, "Nothing here is failed.")
        await pilot.press("f", "f")
        await sees(pilot, "[all]")
        await sees(pilot, "jobs 2")
        await pilot.press("t")
        await sees(pilot, "provision jobs 0")
        await pilot.press("t", "t", "t")
        await sees(pilot, "verify jobs 2")
        for _ in range(4):  # past the types behind it, to all of them
            await pilot.press("t")
        await sees(pilot, "jobs 2")
        await pilot.press("ctrl+a", "r")
        await sees(pilot, "Retry 2:")
        await pilot.press("y")
        await sees(pilot, "Retry: 2 done.")
        await sees(pilot, "jobs 4")
        await pilot.press("ctrl+a", "x", "y")
        await sees(pilot, "Cancel: 2 of 4 done")  # those that were cancelled already refuse
        await sees(pilot, "✗ verify yard-")
        await pilot.press("escape")

        await pilot.press("1")
        await sees(pilot, "clusters 3")
        await pilot.press("ctrl+a", "ctrl+d")
        await sees(pilot, "Delete 3 clusters: yard-3, yard-2, yard-1")
        await pilot.press(*"delete 2", "enter")
        await sees(pilot, "That is not delete 3. Nothing was done.")
        await pilot.press("shift+tab", "down", "enter", "tab", *"delete 3", "enter")
        await sees(pilot, "Delete: 3 done.")
        await sees(pilot, "No clusters yet.")
    assert (await client.get("/api/v1/clusters")).json()["total"] == 0


async def test_a_long_list_is_turned_searched_and_sorted_by_the_server(server: harness.Api):
    ids = await three(server)
    await database.fetch(
        """INSERT INTO job (id, tenant_id, cluster_id, type, status, requested_by_email, correlation_id,
               created_at, started_at, finished_at)
           SELECT gen_random_uuid(), tenant_id, id, 'verify', $2, 'clock@example.local', '',
               now() - n * interval '1 hour', now() - n * interval '1 hour', now()
           FROM cluster, generate_series(1, 10000) AS n WHERE id = $1::uuid""",
        ids[0],
        JobStatus.SUCCESS.value,
    )
    await (await server.admin()).post("/api/v1/clusters/yard-1/verify")
    async with signed_in(server) as pilot:
        await sees(pilot, "clusters 3")
        await pilot.press("2")
        await sees(pilot, "jobs 10001 · page 1/101")
        await sees(pilot, "yard-1")
        await pilot.press("right_square_bracket")
        await sees(pilot, "page 2/101")
        await pilot.press("up")
        await sees(pilot, "page 1/101")
        await pilot.press("down")
        await sees(pilot, "page 2/101")

        await pilot.press("slash", *"yard-1")
        await until(pilot, lambda: 'filter "yard-1" shows 0' in screen_text(pilot), "nothing on this page")
        await pilot.press("enter")
        await sees(pilot, 'jobs 1 · search "yard-1"')
        await sees(pilot, "○ queued")
        await pilot.press("escape")
        await sees(pilot, "jobs 10001 · page 1/101")
        await pilot.press("s", "s", "S")  # by cluster, the last first
        await sees(pilot, "CLUSTER▼")
        await until(pilot, lambda: "yard-1" not in screen_text(pilot), "yard-3 first")
        await pilot.press("S")
        await sees(pilot, "yard-1")


async def test_a_deed_goes_on_past_refusals_and_stops_where_no_answer_is_to_be_had():
    async def do(name: str) -> str:
        if name == "b":
            raise errors.Refused("is busy")
        if name == "d":
            raise errors.Unreachable("no answer")
        return "done"

    outcome = await bulk.each("abcdef", str, do)

    assert outcome.lines() == [
        "✗ b: is busy",
        "✗ d: no answer",
        *(f"○ {name}: not tried" for name in "ef"),
        "● a: done",
        "● c: done",
    ]
    assert not outcome.complete
    assert bulk.named(list("abcd"), most=2) == "a, b and 2 more"
