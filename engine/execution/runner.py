"""Runs one playbook from start to end. The only module that knows ansible-runner.

What ansible-runner would do on its own is taken from it: it hands the caller's whole environment to the
playbook and writes it to disk, puts variables on the command line, kills the wrong processes on cancel, and
lets a failing event handler escape while the playbook goes on. Here the environment is ours, variables
travel in files of a 0700 directory, ending a run is `termination`'s job, and the handler can neither raise
nor wait.
"""

from __future__ import annotations

import contextlib
import json
import shlex
import shutil
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import structlog
from ansible_runner import Runner, RunnerConfig

from engine import content
from engine.domain.errors import ServiceUnavailable
from engine.domain.events import RunEvent
from engine.domain.specs import AuthMethod, SshSecrets
from engine.execution import (
    host_keys,
    inventory,
    leash,
    plan,
    private_keys,
    remote_cleanup,
    run_directory,
    settings_of_ansible,
    ssh,
    termination,
)
from engine.execution.delivery import Delivery
from engine.execution.events import Translator
from engine.execution.outcomes import HostRecap, RunOutcome, RunRequest, RunStatus
from engine.execution.phase_tracker import PhaseTracker
from engine.execution.plan_recorder import PlanRecorder
from engine.execution.pulse import Pulse
from engine.execution.redaction import Redactor
from engine.execution.run_log import RunLog

__all__ = ["HostRecap", "RunOutcome", "RunRequest", "RunStatus", "execute"]

_POLL_SECONDS = 0.5
_RUNNERS_OWN = (  # what ansible-runner's callback needs of its environment
    "ANSIBLE_CALLBACK_PLUGINS",
    "ANSIBLE_STDOUT_CALLBACK",
    "ANSIBLE_CACHE_PLUGIN",
    "ANSIBLE_RETRY_FILES_ENABLED",
    "AWX_ISOLATED_DATA_DIR",
    "RUNNER_OMIT_EVENTS",
    "RUNNER_ONLY_FAILED_EVENTS",
)
_log = structlog.get_logger(__name__)


def execute(
    request: RunRequest, *, on_event: Callable[[RunEvent], None], cancelled: threading.Event
) -> RunOutcome:
    """Run a playbook; blocks until nothing of it is left on this machine.

    `on_event` is called from one other thread, in order. Setting `cancelled` ends the run:
    `ansible-playbook` is asked to stop, then everything here is killed, then the nodes are cleaned of what
    the run left, sparing package managers and kubeadm. The calling thread must not end before this returns:
    its death kills the run.

    Raises InvalidSpec for a key that cannot be used and NotFound for a missing playbook, before anything is
    started.
    """
    return _Run(request, cancelled).execute(on_event)


class _Run:
    """The state of one run while it lasts."""

    def __init__(self, request: RunRequest, cancelled: threading.Event) -> None:
        self.request = request
        self.cancelled = cancelled
        self.directory = request.directory
        self.phases = plan.selected(plan.phases(request.playbook), request.tags)
        self.tracker = PhaseTracker(self.phases, self._resolve)
        self.redactor = Redactor(_secret_values(request.secrets, request.secret_variables))
        self.translator = Translator(self.tracker, self.redactor, self._unreachable_in_words)
        self.places = _places(request.inventory)
        self.plan = PlanRecorder(self.redactor, inventory.hosts(request.inventory)) if request.check else None
        self.pinned = dict(request.host_keys)
        self.learned: dict[str, tuple[str, ...]] = {}
        self.cleanup: list[str] = []
        self.pulse = request.pulse or Pulse()
        self.ended = threading.Event()

    def execute(self, on_event: Callable[[RunEvent], None]) -> RunOutcome:
        delivery = Delivery(on_event)
        try:
            with contextlib.ExitStack() as stack:
                access = stack.enter_context(self._access()) if self.request.secrets else None
                rc = None if self.cancelled.is_set() else self._play(access, delivery, stack)
                stopped = self.cancelled.is_set() or rc == leash.EXPIRED
                if stopped and access is not None:
                    self._clean_nodes(access, delivery)
            return self._outcome(rc, delivery)
        finally:
            delivery.close()

    def _access(self) -> contextlib.AbstractContextManager[ssh.Access]:
        assert self.request.secrets is not None
        users = {
            variables.get("ansible_user") for variables in inventory.hosts(self.request.inventory).values()
        }
        return ssh.open_access(self.directory, str(next(iter(users), None) or "root"), self.request.secrets)

    def _play(self, access: ssh.Access | None, delivery: Delivery, stack: contextlib.ExitStack) -> int | None:
        if access is not None:
            self._pin(access)
        arguments = self._write_files(access)
        log = stack.enter_context(self._open_log())
        config = self._config(arguments, access)
        self.pulse.attach(self.directory / "pulse")
        watcher = threading.Thread(target=self._watch_for_cancel, name="run-cancel", daemon=True)
        termination.become_subreaper()
        watcher.start()
        try:
            runner = Runner(
                config=config,
                event_handler=lambda raw: self._on_raw_event(raw, delivery, log),
                status_handler=lambda _data, runner_config: _forget_command(runner_config),
                cancel_callback=lambda: False,
                remove_partials=True,
            )
            runner.run()
            return runner.rc if isinstance(runner.rc, int) else None
        finally:
            self.ended.set()
            watcher.join()
            self.pulse.detach()
            if self.request.isolate or self.cancelled.is_set():
                termination.reap_local(self.request.run_id)
            (self.directory / "secrets.yml").unlink(missing_ok=True)
            shutil.rmtree(self.directory / "artifacts", ignore_errors=True)

    def _pin(self, access: ssh.Access) -> None:
        unknown = {
            name: (place.address, place.port)
            for name, place in self.places.items()
            if not self.pinned.get(name)
        }
        for name, keys in host_keys.scan_all(unknown).items():
            self.learned[name] = self.pinned[name] = tuple(key.pinned for key in keys)
        access.pin(self.places, self.pinned)

    def _write_files(self, access: ssh.Access | None) -> list[str]:
        request, directory = self.request, self.directory
        for name in ("cp", "tmp", "env"):
            (directory / name).mkdir(mode=0o700, exist_ok=True)
        run_directory.output(directory).mkdir(mode=0o700, exist_ok=True)
        run_directory.write_private(directory / "ansible.cfg", "[defaults]\n")
        settings = {
            "pexpect_timeout": _POLL_SECONDS,
            "pexpect_use_poll": True,
            "suppress_output_file": True,
            "suppress_ansible_output": True,
        }
        run_directory.write_private(directory / "env" / "settings", json.dumps(settings))
        run_directory.write_private(
            directory / "inventory" / "hosts.yml", inventory.to_yaml(request.inventory)
        )
        arguments = []
        if request.extra_variables:
            run_directory.write_private(
                directory / "variables.yml", inventory.to_yaml(dict(request.extra_variables))
            )
            arguments += ["-e", f"@{directory / 'variables.yml'}"]
        if secret := dict(request.secret_variables) | _passwords(access):
            run_directory.write_private(directory / "secrets.yml", inventory.to_yaml(secret))
            arguments += ["-e", f"@{directory / 'secrets.yml'}"]
        return [*arguments, *(["--check", "--diff"] if request.check else [])]

    def _config(self, arguments: list[str], access: ssh.Access | None) -> Any:
        request = self.request
        playbook, roles = _snapshot(request.playbook, self.directory / "project")
        fact_cache = request.fact_cache or self.directory / "facts"
        fact_cache.mkdir(parents=True, exist_ok=True, mode=0o700)
        config = RunnerConfig(
            private_data_dir=str(self.directory),
            project_dir=str(playbook.parent),
            ident="run",
            playbook=str(playbook),
            inventory=str(self.directory / "inventory" / "hosts.yml"),
            limit=request.limit,
            tags=",".join(request.tags) or None,
            forks=request.forks or settings_of_ansible.forks(len(inventory.hosts(request.inventory)) or 1),
            cmdline=shlex.join(arguments) or None,
            fact_cache=str(fact_cache),
            quiet=True,
        )
        config.prepare()
        ours = settings_of_ansible.environment(
            self.directory,
            playbooks=playbook.parent,
            roles=roles,
            fact_cache=fact_cache,
            access=access,
            marker={termination.MARKER: request.run_id},
        )
        config.env = {name: config.env[name] for name in _RUNNERS_OWN if name in config.env} | ours
        config.command = termination.leashed(
            [*_playbook_command(), *config.command[1:]],
            self.directory,
            request.run_id,
            isolate=request.isolate,
        )
        return config

    def _on_raw_event(self, raw: dict[str, Any], delivery: Delivery, log: Any) -> bool:
        """Called by ansible-runner between reads of the playbook's output: it must neither raise nor wait."""
        try:
            events = self.translator.translate(raw)
            if self.plan is not None:
                self.plan.observe(raw, self.tracker.current)
            delivery.put(events)
            if log is not None and raw.get("stdout"):
                log.write(f"{self.translator.output(raw)}\n")
        except Exception:  # noqa: BLE001 - see above
            _log.exception("event_not_understood", event=str(raw.get("event")))
        return False

    def _open_log(self) -> contextlib.AbstractContextManager[RunLog | None]:
        path = self.request.log_path
        return contextlib.nullcontext() if path is None else RunLog(path)

    def _watch_for_cancel(self) -> None:
        while not self.ended.is_set():
            if self.cancelled.wait(0.1):
                termination.stop(self.request.run_id, finished=self.ended.is_set)
                return

    def _clean_nodes(self, access: ssh.Access, delivery: Delivery) -> None:
        def tell(text: str) -> None:
            self.cleanup.append(text)
            delivery.put([self.translator.message(text)])

        reached = {name: place for name, place in self.places.items() if self.pinned.get(name)}
        orders = remote_cleanup.Orders(run_ids=[self.request.run_id])
        remote_cleanup.clean(access, reached, orders, on_message=tell)

    def _resolve(self, pattern: str) -> list[str] | None:
        named = inventory.resolve(self.request.inventory, pattern)
        if named is None or not self.request.limit:
            return named
        limited = inventory.resolve(self.request.inventory, self.request.limit)
        return None if limited is None else sorted(set(named) & set(limited))

    def _unreachable_in_words(self, host: str, complaint: str) -> str:
        variables = inventory.hosts(self.request.inventory).get(host, {})
        return ssh.complaint_in_words(
            host, str(variables.get("ansible_user", "")), self.pinned.get(host, ()), complaint
        )

    def _outcome(self, rc: int | None, delivery: Delivery) -> RunOutcome:
        status, failure = self._judge(rc)
        reason = "cancelled" if status is RunStatus.CANCELLED else failure
        delivery.put(
            self.translator.transitions(
                self.tracker.finish(succeeded=status is RunStatus.SUCCESS, reason=reason)
            )
        )
        return RunOutcome(
            status=status,
            rc=rc,
            hosts=self.tracker.recap(),
            phases=self.tracker.status,
            failure=failure,
            outputs=run_directory.output(self.directory),
            host_keys=self.learned,
            remote_cleanup=tuple(self.cleanup),
            plan=self.plan.plan() if self.plan is not None else None,
        )

    def _judge(self, rc: int | None) -> tuple[RunStatus, str]:
        if self.cancelled.is_set() and rc != 0:
            return RunStatus.CANCELLED, "The run was cancelled."
        if rc == leash.EXPIRED:
            return RunStatus.EXPIRED, "The run was ended because its owner had fallen silent."
        first = self.tracker.first_failure()
        if rc == 0 and (self.tracker.anything_done() or not self.phases):
            return RunStatus.SUCCESS, ""
        if rc == 0:
            return (
                RunStatus.FAILED,
                "No node matched; nothing was done. Check the nodes of the spec and --limit.",
            )
        if first is not None:
            return RunStatus.FAILED, str(first)
        said = self.translator.errors[0] if self.translator.errors else ""
        return RunStatus.FAILED, said or f"ansible-playbook ended with code {rc} and gave no reason."


def _places(inventory_data: Mapping[str, Any]) -> dict[str, ssh.Place]:
    return {
        name: ssh.Place(str(variables["ansible_host"]), int(variables.get("ansible_port", 22)))
        for name, variables in inventory.hosts(inventory_data).items()
        if variables.get("ansible_host") and variables.get("ansible_connection", "ssh") == "ssh"
    }


def _secret_values(secrets: SshSecrets | None, variables: Mapping[str, str]) -> list[str]:
    values = [*variables.values()]
    if secrets is not None:
        values += secrets.values()
        if secrets.auth_method is AuthMethod.PRIVATE_KEY and secrets.private_key and secrets.passphrase:
            values.append(private_keys.unlocked(secrets.private_key, secrets.passphrase))
    return values


def _passwords(access: ssh.Access | None) -> dict[str, str]:
    """Login and sudo password as variables, for a password login only."""
    if access is None or access.secrets.auth_method is not AuthMethod.PASSWORD or not access.secrets.password:
        return {}
    return {"ansible_password": access.secrets.password, "ansible_become_password": access.secrets.password}


def _snapshot(playbook: Path, project: Path) -> tuple[Path, Path]:
    """The playbook and its roles as they are now. Keelyard's own are copied; a foreign playbook runs where
    it lies.
    """
    playbook = playbook.absolute()
    own = content.playbooks().absolute()
    if not playbook.is_relative_to(own):
        return playbook, playbook.parent / "roles"
    shutil.copytree(own, project / "playbooks", symlinks=True)
    if content.roles().is_dir():
        shutil.copytree(content.roles(), project / "roles", symlinks=True)
    return project / "playbooks" / playbook.relative_to(own), project / "roles"


def _playbook_command() -> list[str]:
    beside = Path(sys.executable).parent / "ansible-playbook"
    found = str(beside) if beside.is_file() else shutil.which("ansible-playbook")
    if not found:
        raise ServiceUnavailable("ansible-playbook is not installed.", remedy="Run `keelyard doctor`.")
    return [sys.executable, found]


def _forget_command(runner_config: Any) -> None:
    """Remove the record of command and environment that ansible-runner writes; nothing reads it."""
    Path(runner_config.artifact_dir, "command").unlink(missing_ok=True)
