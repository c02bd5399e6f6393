"""A database that answers nobody for longer than a minute, under a run that goes on meanwhile.

No lab is needed; it is here because it takes its time.
"""

from __future__ import annotations

import asyncio
import signal
import time

import pytest

from engine.domain.statuses import JobStatus
from engine.store import events
from tests.integration import factories
from tests.integration.conftest import database_url, server_home, template, workplace  # noqa: F401
from tests.integration.test_event_path import _signal_all, own_server  # noqa: F401
from tests.integration.workplace import Workplace, ended, started_task, supervisor_of

OUTAGE_SECONDS = 65.0


@pytest.mark.full
async def test_a_run_goes_on_through_an_outage_of_65_seconds_and_loses_no_event(
    own_server,  # noqa: F811
    workplace: Workplace,  # noqa: F811
):
    """Tasks begin and end all the while, so events of every second of the outage wait in the spool."""
    workplace.playbook(**{f"step{number:02}": "ansible.builtin.command: sleep 3" for number in range(24)})
    workplace.start_worker()
    job = await factories.job(await factories.cluster())
    await started_task(job.id, "Do step00")
    supervisor = await supervisor_of(job.id)

    _signal_all(own_server.data, signal.SIGSTOP)
    stopped_at = time.time()
    try:
        await asyncio.sleep(OUTAGE_SECONDS)
        assert supervisor.is_running()
    finally:
        _signal_all(own_server.data, signal.SIGCONT)
        back_at = time.time()

    done = await ended(job.id)
    log = await events.read(job.id, limit=10_000)
    assert done.status is JobStatus.SUCCESS
    assert done.attempt == 1
    assert [event.sequence for event in log] == list(range(1, done.last_sequence + 1))
    in_the_dark = [event for event in log if stopped_at < event.created_at.timestamp() < back_at]
    assert in_the_dark, "nothing happened during the outage"
    away = back_at - stopped_at
    print(f"{len(log)} events, {len(in_the_dark)} of them from {away:.0f} s without a database")
