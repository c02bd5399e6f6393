"""What keeps a worker at work when a part of it breaks."""

from __future__ import annotations

import asyncio

import pytest

from engine.domain.errors import MisconfiguredServer
from engine.processes import worker


async def test_a_part_that_broke_or_ended_is_begun_again(monkeypatch):
    monkeypatch.setattr(worker, "SWEEP_SECONDS", 0.0)
    begun = []
    third = asyncio.Event()

    async def part() -> None:
        begun.append(len(begun))
        if len(begun) == 1:
            raise ZeroDivisionError
        if len(begun) == 3:
            third.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(worker.lasting(part))
    async with asyncio.timeout(30):
        await third.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert begun == [0, 1, 2]


async def test_what_an_operator_has_to_mend_ends_the_worker():
    async def part() -> None:
        raise MisconfiguredServer("SMTP_URL is no URL.")

    with pytest.raises(MisconfiguredServer):
        await worker.lasting(part)
