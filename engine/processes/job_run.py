"""A job as a run: from an assignment to a playbook, and from the run's outcome to a result."""

from __future__ import annotations

import contextlib
import threading
import traceback
import uuid
from collections.abc import Callable
from pathlib import Path

import msgspec
import structlog

from engine import content
from engine.domain import plans
from engine.domain.cluster_status import HostResult
from engine.domain.errors import KeelyardError
from engine.domain.events import EventKind, RunEvent
from engine.domain.specs import ClusterSpec, SshSecrets
from engine.domain.statuses import CHECK_MODE_JOBS, JobStatus, JobType
from engine.execution import artifacts, inventory, plan, remote_cleanup, run_directory, runner
from engine.execution.artifacts import Artifacts, ArtifactsChoice
from engine.execution.pulse import Pulse
from engine.execution.ssh import Place
from engine.processes import local_artifacts, scan_files
from engine.services.hardening_reports import Scan
from engine.services.runs import Assignment, NodeReport, RunResult

_LOG = structlog.get_logger(__name__)
_STATUS = {
    runner.RunStatus.SUCCESS: JobStatus.SUCCESS,
    runner.RunStatus.FAILED: JobStatus.FAILED,
    runner.RunStatus.CANCELLED: JobStatus.CANCELLED,
    runner.RunStatus.EXPIRED: JobStatus.INTERRUPTED,
}


class ArtifactSettings(msgspec.Struct, frozen=True):
    """Where nodes get their software from, as configured."""

    choice: str  # auto | upstream | bundle
    bundle: str  # directory; empty = KEELYARD_HOME/bundle
    public_key: str  # file that the bundle's signature is checked with; empty = KEELYARD_HOME's own


def playbook_of(job_type: JobType) -> Path:
    """The playbook of a job type."""
    return content.playbooks() / f"{job_type.playbook}.yml"


def planned(assignment: Assignment) -> tuple[list[plan.Phase], tuple[str, ...]]:
    """All phases of the job's playbook, and the tags to run: in a retry, from the first unfinished on."""
    phases = plan.phases(playbook_of(assignment.job.type))
    finished = assignment.finished_phases & {phase.slug for phase in phases}
    return phases, plan.remaining(phases, finished) if finished else ()


class JobRun:
    """Plays one job; `play` blocks, so it has a thread of its own."""

    def __init__(
        self,
        assignment: Assignment,
        settings: ArtifactSettings,
        *,
        record: Callable[[RunEvent], None],
        say: Callable[[str], None],
        cancelled: threading.Event,
        pulse: Pulse,
        forks: int | None = None,
    ) -> None:
        self._assignment = assignment
        self._settings = settings
        self._record = record
        self._say = say
        self._cancelled = cancelled
        self._forks = forks
        self._pulse = pulse
        self._id = str(assignment.job.id)
        self.scan: Scan | None = None  # what scanners found, once the run has come to its own end

    def play(self) -> RunResult:
        """Run the playbook. Never raises: what goes wrong is the result."""
        try:
            refused = self._compare() if self._assignment.plan is not None else None
            if refused is not None:
                return refused
            with run_directory.kept(self._id) as directory:
                if self._assignment.plan is None:
                    self._end_rest_of_earlier(directory)
                return self._play(directory)
        except KeelyardError as error:
            return RunResult(status=JobStatus.FAILED, message=str(error))
        except Exception as error:  # noqa: BLE001 - a job must end with a status, whatever happens
            _LOG.exception("The run broke down.", job_id=self._id)
            last = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{Path(last.filename).name}:{last.lineno}"
            message = f"Keelyard itself failed: {type(error).__name__} at {where}. See the supervisor's log."
            return RunResult(status=JobStatus.FAILED, message=message)

    def _play(self, directory: Path) -> RunResult:
        assignment = self._assignment
        _, tags = planned(assignment)
        check = assignment.job.type in CHECK_MODE_JOBS
        request = self._request(directory, check=check, tags=tags, limit=assignment.limit)
        outcome = runner.execute(request, on_event=self._record, cancelled=self._cancelled)
        if outcome.status in (runner.RunStatus.SUCCESS, runner.RunStatus.FAILED):
            self.scan = scan_files.collect(
                outcome.outputs / "scans",
                assignment.spec,
                assignment.secrets,
                unseen=self._unseen(outcome),
                say=self._say,
            )
        return _result(outcome, self._document(outcome))

    def _unseen(self, outcome: runner.RunOutcome) -> dict[str, str]:
        """Of every node why a scanner may have left nothing of it."""
        limit = self._assignment.limit
        lost = {name for name, recap in outcome.hosts.items() if recap.unreachable}
        return {
            node.name: scan_files.NOT_MEANT
            if limit and node.name not in limit
            else scan_files.UNREACHABLE
            if node.name in lost
            else scan_files.NOT_REACHED
            for node in self._assignment.spec.nodes
        }

    def _compare(self) -> RunResult | None:
        """Make the plan once more, and the result that refuses to apply it when it is another one by now."""
        planned = self._assignment.plan
        assert planned is not None
        with run_directory.kept(self._id) as directory:
            self._end_rest_of_earlier(directory)
            self._say("Comparing the nodes with the plan.")
            request = self._request(directory, check=True)
            outcome = runner.execute(request, on_event=self._narrate, cancelled=self._cancelled)
            now = self._document(outcome)
        if outcome.status is not runner.RunStatus.SUCCESS or now is None:
            message = f"The nodes could not be compared with the plan; nothing was changed. {outcome.failure}"
            status = _STATUS[outcome.status]
            status = JobStatus.FAILED if status is JobStatus.SUCCESS else status
            return RunResult(status=status, reason=plans.NOT_COMPARED, message=message)
        if plans.plan_hash(now) != plans.plan_hash(planned):
            message = plans.stale_message(planned, now)
            return RunResult(status=JobStatus.FAILED, reason=plans.STALE, message=message)
        self._say("The nodes are as the plan found them.")
        return None

    def _narrate(self, event: RunEvent) -> None:
        """Of the comparison the log tells how far it is; its phases are not the job's."""
        if event.kind is EventKind.PHASE_STARTED:
            self._say(f"Comparing: {event.data['name']}")
        elif event.kind in (EventKind.HOST_FAILED, EventKind.HOST_UNREACHABLE):
            self._say(f"{event.host}: {event.message}")

    def _document(self, outcome: runner.RunOutcome) -> plans.Document | None:
        if outcome.plan is None or outcome.status is not runner.RunStatus.SUCCESS:
            return None
        return plans.Document(spec_hash=plans.spec_hash(self._assignment.spec), hosts=outcome.plan)

    def _request(
        self, directory: Path, *, check: bool, tags: tuple[str, ...] = (), limit: tuple[str, ...] = ()
    ) -> runner.RunRequest:
        assignment = self._assignment
        return runner.RunRequest(
            run_id=self._id,
            playbook=playbook_of(assignment.job.type),
            inventory=inventory.build(
                assignment.spec,
                artifacts=self._artifacts(),
                output_directory=run_directory.output(directory),
                run_id=self._id,
            ),
            directory=directory,
            secrets=assignment.secrets,
            tags=tags,
            limit=",".join(limit) or None,
            forks=self._forks,
            host_keys=inventory.host_keys(assignment.spec),
            log_path=_log_path(assignment.job.id),
            check=check,
            pulse=self._pulse,
        )

    def _artifacts(self) -> Artifacts:
        if self._assignment.job.type is JobType.DEPROVISION:
            return artifacts.upstream()  # nothing is fetched
        return local_artifacts.choose(
            ArtifactsChoice(self._settings.choice),
            Path(self._settings.bundle) if self._settings.bundle else None,
            kubernetes=self._assignment.spec.components.kubernetes_version,
            public_key=Path(self._settings.public_key) if self._settings.public_key else None,
        )

    def _end_rest_of_earlier(self, directory: Path) -> None:
        """What earlier runs that were stopped left on the nodes ends first, or is waited for."""
        if not self._assignment.unswept:
            return
        orders = remote_cleanup.Orders(run_ids=[str(job_id) for job_id in self._assignment.unswept])
        end_on_nodes(directory, self._assignment.spec, self._assignment.secrets, orders, self._say)


def end_on_nodes(
    directory: Path,
    spec: ClusterSpec,
    secrets: SshSecrets,
    orders: remote_cleanup.Orders,
    say: Callable[[str], None],
) -> None:
    """End what runs of a cluster left on its nodes; what came of it is said, node by node."""
    remote_cleanup.reap(
        run_directory.sweeping(directory),
        {node.name: Place(node.ip_address, node.ssh_port) for node in spec.nodes},
        inventory.host_keys(spec),
        spec.username,
        secrets,
        orders,
        on_message=say,
    )


def _log_path(job_id: uuid.UUID) -> Path:
    directory = content.home() / "logs"
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    return directory / f"{job_id}.log"


def _result(outcome: runner.RunOutcome, found: plans.Document | None) -> RunResult:
    kubeconfig = outcome.outputs / "kubeconfig"
    return RunResult(
        status=_STATUS[outcome.status],
        message=outcome.failure or None,
        hosts={
            name: HostResult(failed=bool(recap.failed), unreachable=bool(recap.unreachable))
            for name, recap in outcome.hosts.items()
            if name not in ("localhost", "127.0.0.1")
        },
        phases=outcome.phases,
        host_keys=outcome.host_keys,
        reports=_reports(outcome.outputs / "nodes"),
        kubeconfig=kubeconfig.read_text(encoding="utf-8") if kubeconfig.is_file() else None,
        plan=found,
    )


def _reports(directory: Path) -> dict[str, NodeReport]:
    found = {}
    for file in sorted(directory.glob("*.json")):
        with contextlib.suppress(msgspec.DecodeError):
            found[file.stem] = msgspec.json.decode(file.read_bytes(), type=NodeReport)
    return found
