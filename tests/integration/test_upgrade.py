"""The code on disk is replaced while a run is on: everything the run still needs is loaded."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import psutil
import pytest

from engine.domain.statuses import JobStatus, PhaseStatus
from engine.services import runs
from engine.store import events, phases
from tests.integration import factories
from tests.integration.workplace import QUICK, ROOT, ended, gone, started_task, supervisor_of, until

#: Tells what a supervisor imports, and when: a file that the test empties at the moment of the upgrade.
WITNESS = """
import os, sys
if sys.orig_argv[-1] == "supervise":
    file = os.open({path!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    def tell(name, args):
        if name == "import":
            os.write(file, f"{{args[0]}}\\n".encode())
    sys.addaudithook(tell)
"""


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A copy of the product's code, as one version of it is installed."""
    place = tmp_path / "installed"
    shutil.copytree(ROOT / "engine", place / "engine", ignore=shutil.ignore_patterns("__pycache__"))
    (place / "sitecustomize.py").write_text(WITNESS.format(path=str(tmp_path / "imports")))
    return place


def upgrade(installed: Path) -> None:
    """The old version is gone; what lies in its place is another, and unlike it."""
    shutil.move(installed, installed.with_name("old"))
    shutil.rmtree(installed.with_name("old"))
    (installed / "engine").mkdir(parents=True)
    (installed / "engine" / "__init__.py").write_text("raise ImportError('the wrong version')\n")


@pytest.mark.parametrize("end", [JobStatus.SUCCESS, JobStatus.CANCELLED])
async def test_a_run_outlives_the_version_it_was_started_by(store, workplace, installed, tmp_path, end):
    """Its end, a cancel and the sweep of the nodes included; a worker of the new version sees it through."""
    gate = workplace.home / "gate"
    wait = f"ansible.builtin.wait_for: {{path: {gate}, timeout: 60, sleep: 1}}"
    workplace.playbook(first=wait, second=QUICK)
    worker = workplace.start_worker(code=installed)
    job = await factories.job(await factories.cluster())
    await started_task(job.id, "Do first")
    supervisor = await supervisor_of(job.id)
    assert supervisor.environ()["PYTHONPATH"] == str(installed)
    upgrade(installed)
    imports = tmp_path / "imports"
    assert "asyncpg" in imports.read_text().split()
    imports.write_text("")
    worker.terminate()
    worker.wait()
    workplace.start_worker()

    if end is JobStatus.SUCCESS:
        gate.touch()
    else:
        await runs.cancel(job.id)

    done = await ended(job.id)
    log = await events.read(job.id)
    assert done.status is end, done
    assert [event.sequence for event in log] == list(range(1, done.last_sequence + 1))
    if end is JobStatus.SUCCESS:
        assert {phase.status for phase in await phases.of_job(job.id)} == {PhaseStatus.SUCCEEDED}

    async def left():
        return not supervisor.is_running() or supervisor.status() == psutil.STATUS_ZOMBIE

    await until(left, "the end of the supervisor")
    late = {name.split(".")[0] for name in imports.read_text().split()}
    assert late <= sys.stdlib_module_names
    await gone(job.id)
