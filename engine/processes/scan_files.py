"""What scanners left in the output of a run: cleaned of secrets, read, judged, and packed to be kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from engine.domain.specs import ClusterSpec, SshSecrets
from engine.execution import hardening_catalogue, scans
from engine.execution.redaction import Redactor
from engine.execution.scans.bounds import MOST_BYTES
from engine.services import hardening_reports
from engine.services.hardening_reports import LeftFile, Scan

#: The scanners' own reports, which are kept as they are.
MEDIA_TYPES = {
    "kube-bench.json": "application/json",
    "openscap-results.xml": "application/xml",
    "lynis-report.dat": "text/plain",
}
MOST_KEPT = 256 << 20  # bytes of a job's files, packed

NOT_MEANT = "This run was not of this node."
UNREACHABLE = "The node could not be reached."
NOT_REACHED = "The run left nothing of it: it ended before, or the scan did not come to its end."


def collect(
    directory: Path,
    spec: ClusterSpec,
    secrets: SshSecrets,
    *,
    unseen: Mapping[str, str],
    say: Callable[[str], None],
) -> Scan | None:
    """What is in the `scans` directory of a run that has ended; None when nobody scanned.

    Args:
        directory: it has a directory for each host; everything in it came from nodes.
        spec: the cluster as the run knew it.
        secrets: of the run; what of them is in the files is taken out before anything is read or kept.
        unseen: of every node why a scanner may have left nothing of it.
        say: is told what is not kept.
    """
    hosts = [node.name for node in spec.nodes]
    redactor = Redactor(secrets.values())
    for file in _files(directory, hosts):
        _clean(file, redactor)
    found = scans.read(directory)
    if not found:
        return None
    judgement = hardening_reports.judged(found, spec, hardening_catalogue.items(), unseen)
    return Scan(judgement=judgement, files=tuple(_packed(directory, hosts, say)))


def _files(directory: Path, hosts: list[str]) -> Iterator[Path]:
    """Plain files of the cluster's hosts."""
    for host in hosts:
        place = directory / host
        if place.is_dir() and not place.is_symlink():
            yield from (file for file in sorted(place.iterdir()) if file.is_file() and not file.is_symlink())


def _clean(file: Path, redactor: Redactor) -> None:
    """Take secrets out; what is too large to be read is not kept either."""
    if file.stat().st_size > MOST_BYTES:
        return
    text = file.read_bytes().decode("utf-8", "surrogateescape")
    cleaned = redactor.text(text)
    if cleaned != text:
        file.write_text(cleaned, encoding="utf-8")


def _packed(directory: Path, hosts: list[str], say: Callable[[str], None]) -> Iterator[LeftFile]:
    kept = 0
    for file in _files(directory, hosts):
        if file.name not in MEDIA_TYPES:
            continue
        name = f"{file.parent.name}-{file.name}"
        if file.stat().st_size > MOST_BYTES:
            say(f"{name} is not kept: it is longer than {MOST_BYTES >> 20} MiB.")
            continue
        left = LeftFile.of(name, MEDIA_TYPES[file.name], file.read_bytes())
        if kept + len(left.packed) > MOST_KEPT:
            say(f"{name} is not kept: the files of one job may have {MOST_KEPT >> 20} MiB together.")
            continue
        kept += len(left.packed)
        yield left
