"""A cluster of one control plane and one worker: by the product, by it again, and by a plain shell script.

Each side gets the same bare lab, one after the other, so that neither pays for the other's cluster.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec
import yaml

from engine import content, lab
from engine.execution import known_nodes, plan, spec_file
from tests.bench import figures, laboratory
from tests.bench.figures import BenchNotPossible, Figure, Narrate

ROUNDS = 1  # of several minutes each
SCRIPT = Path(__file__).parent / "plain_kubeadm.sh"
BEYOND_THE_SCRIPT = ("preflight", "verify")  # what the script leaves out


class Run(msgspec.Struct):
    """One way to a cluster: seconds in all and by phase, and how many tasks changed something."""

    seconds: float
    phases: dict[str, float]
    changed: int = 0

    def told(self) -> str:
        """The phases in a line."""
        return ", ".join(f"{slug} {seconds:.1f}" for slug, seconds in self.phases.items())


def measure(narrate: Narrate) -> list[Figure]:
    """Rounds of three runs: first, again, and the script on a lab of its own."""
    bundle = laboratory.bundle()
    _warm(bundle)
    load = figures.load()
    firsts: list[Run] = []
    agains: list[Run] = []
    plains: list[Run] = []
    for _ in range(int(os.environ.get("KEELYARD_BENCH_ROUNDS", ROUNDS))):
        with laboratory.two_nodes("bench-keelyard") as yard, tempfile.TemporaryDirectory() as results:
            for runs in (firsts, agains):
                runs.append(_keelyard(yard, bundle, Path(results)))
                narrate(
                    f"keelyard run: {runs[-1].seconds:.1f} s ({runs[-1].told()}), {runs[-1].changed} changed"
                )
        with laboratory.two_nodes("bench-plain") as yard:
            plains.append(_plain(yard, bundle))
            narrate(f"script: {plains[-1].seconds:.1f} s ({plains[-1].told()})")
    return [_against_script(firsts, plains, load), _again(firsts, agains, load)]


def _against_script(firsts: list[Run], plains: list[Run], load: float) -> Figure:
    beyond = [sum(run.phases.get(slug, 0.0) for slug in BEYOND_THE_SCRIPT) for run in firsts]
    like_for_like = min(run.seconds - more for run, more in zip(firsts, beyond, strict=True))
    shortest = min(plain.seconds for plain in plains)
    return Figure(
        name="provisioning 1+1 nodes from a bundle, flannel",
        unit="s",
        aim=2.0,
        measured=[run.seconds for run in firsts],
        baseline=[run.seconds for run in plains],
        load=load,
        notes=[
            f"keelyard run, seconds by phase: {firsts[-1].told()}",
            f"plain shell script, seconds by phase: {plains[-1].told()}",
            f"without {' and '.join(BEYOND_THE_SCRIPT)}, which the script has not: {like_for_like:.1f} s, "
            f"{like_for_like / shortest:.2f} of the script",
        ],
    )


def _again(firsts: list[Run], agains: list[Run], load: float) -> Figure:
    return Figure(
        name="the same again on the healthy cluster",
        unit="s",
        aim=0.4,
        measured=[run.seconds for run in agains],
        baseline=[run.seconds for run in firsts],
        load=load,
        notes=[
            f"seconds by phase: {agains[-1].told()}",
            f"tasks that changed something: {max(run.changed for run in agains)}",
        ],
    )


def _warm(bundle: Path) -> None:
    """Both sides find the bundle in the page cache."""
    for path in sorted(bundle.rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                while file.read(1 << 22):
                    pass


def _keelyard(yard: lab.Lab, bundle: Path, results: Path) -> Run:
    spec = results / "spec.yml"
    spec.write_text(yaml.safe_dump(laboratory.request(yard.name, laboratory.version(bundle))))
    spec.chmod(0o600)
    phases = {phase.name: phase.slug for phase in plan.phases(content.playbooks() / "provision.yml")}
    began = time.monotonic()
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "engine.processes", "run", "provision", "--spec", str(spec)),
            *(
                "--artifacts",
                "bundle",
                "--bundle",
                str(bundle),
                "--output",
                str(results / "output"),
                "--json",
            ),
        ],
        stdin=subprocess.DEVNULL,
        stdout=(results / "outcome.json").open("wb"),
        stderr=subprocess.PIPE,
        text=True,
    )
    starts: list[tuple[str, float]] = []
    lines: list[str] = []
    assert process.stderr is not None
    for line in process.stderr:
        lines.append(line.rstrip())
        slug = phases.get(lines[-1].removeprefix("== "))
        if lines[-1].startswith("== ") and slug is not None:
            starts.append((slug, time.monotonic()))
    code = process.wait()
    ended = time.monotonic()
    known_nodes.path_of(spec_file.load(spec).spec().id).unlink(missing_ok=True)
    if code != 0:
        raise BenchNotPossible(f"keelyard run ended with {code}: " + " / ".join(lines[-6:]))
    outcome = json.loads((results / "outcome.json").read_bytes())
    return Run(ended - began, _durations(began, starts, ended), _changed(outcome))


def _durations(began: float, starts: list[tuple[str, float]], ended: float) -> dict[str, float]:
    """Seconds from each phase's start to the next one's; what comes before the first is called start."""
    moments = [("start", began), *starts, ("", ended)]
    return {slug: round(after - at, 1) for (slug, at), (_, after) in itertools.pairwise(moments)}


def _changed(outcome: dict[str, Any]) -> int:
    return sum(int(host["changed"]) for host in outcome["hosts"].values())


def _plain(yard: lab.Lab, bundle: Path) -> Run:
    control, worker = yard.nodes
    began = time.monotonic()
    done = subprocess.run(
        ["bash", str(SCRIPT)],
        env={
            "PATH": os.environ["PATH"],
            "BUNDLE": str(bundle),
            "VERSION": laboratory.version(bundle),
            "KEY": yard.private_key,
            "KNOWN_HOSTS": yard.known_hosts,
            "SSH_USER": yard.user,
            "CONTROL": f"{control.name}={control.address}",
            "WORKER": f"{worker.name}={worker.address}",
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.monotonic() - began
    if done.returncode != 0:
        raise BenchNotPossible(f"The shell script ended with {done.returncode}: {done.stderr[-600:]}")
    phases = dict(line.split() for line in done.stdout.splitlines())
    return Run(seconds, {name: round(float(taken), 1) for name, taken in phases.items()})
