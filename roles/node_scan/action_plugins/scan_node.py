"""Controller half of `scan_node`: sends a scanner out of the bundle, and leaves what it found in the output of the run."""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from pathlib import Path

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

MOST = 64 << 20  # bytes of a report; the longest known are a quarter of it
REPORTS = {"kube-bench": "kube-bench.json", "openscap": "openscap-results.xml", "lynis": "lynis-report.dat"}
TOLD = ("scanner", "version", "profile", "finished_at", "unavailable", "left_out", "evidence")
FOR_HERE = ("source", "bundle", "digest", "output")


def signed(bundle, digest, source):
    """The file of the bundle, when it is the one whose signature was verified."""
    listing = (bundle / "SHA256SUMS").read_bytes()
    if hashlib.sha256(listing).hexdigest() != digest:
        raise AnsibleActionFail(
            f"{bundle}/SHA256SUMS is not the one whose signature was verified. Run `keelyard bundle verify {bundle}` and retry."
        )
    lines = (line.split(maxsplit=1) for line in listing.decode().splitlines() if line.strip())
    sums = {path: checksum for checksum, path in lines}
    name = f"scanners/{source}"
    if name in sums and hashlib.sha256((bundle / name).read_bytes()).hexdigest() != sums[name]:
        raise AnsibleActionFail(
            f"{bundle}/{name} does not match its checksum. Build or copy the bundle again."
        )
    return bundle / name


def unpacked(packed):
    """A report as it was; refused when it is longer than any report."""
    stream = zlib.decompressobj(wbits=31)
    content = stream.decompress(base64.b64decode(packed), MOST)
    if stream.unconsumed_tail:
        raise AnsibleActionFail(f"The report is longer than {MOST >> 20} MiB, so it is not read.")
    return content


def leave(path, content):
    """Writes a file for its owner alone."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_bytes(content)


class ActionModule(ActionBase):
    """`source`: the scanner's file in `bundle` (whose `digest` was verified) or in `scanners_path`; `output`: where reports go.

    Everything else is for the node half.
    """

    TRANSFERS_FILES = False  # a directory on the node is made only when something is sent

    def run(self, tmp=None, task_vars=None):
        """Scans; the report itself goes to a file and into no event."""
        result = super().run(tmp, task_vars)
        arguments = {
            name: value for name, value in self._task.args.items() if name not in (*FOR_HERE, "scanners_path")
        }
        if self._task.check_mode:
            return {**result, "changed": False, "skipped": True}
        file, lacking = self._file()
        answer = self._scan(file, {**arguments, "lacking": lacking}, task_vars)
        if answer.get("failed"):
            return {**result, **answer}
        self._keep(answer)
        return {**result, "changed": False, "unavailable": answer["unavailable"]}

    def _file(self):
        """The scanner's file on this machine, or None and why there is none."""
        source = self._task.args.get("source") or ""
        if not source:
            return None, ""
        bundle, given = self._task.args.get("bundle") or "", self._task.args.get("scanners_path") or ""
        if not bundle and not given:
            return (
                None,
                "Upstream artifacts bring none: name the scanners folder of a bundle in keelyard_scanners_path.",
            )
        file = Path(given) / source if given else signed(Path(bundle), self._task.args.get("digest"), source)
        if not file.is_file():
            return None, f"{file} is not there; `keelyard bundle build` makes a bundle that has it."
        return file, ""

    def _scan(self, file, arguments, task_vars):
        if file is None:
            return self._execute_module("scan_node", module_args=arguments, task_vars=task_vars)
        shell = self._connection._shell
        if not shell.tmpdir:
            self._make_tmp_path()
        staged = shell.join_path(shell.tmpdir, "scanner")
        try:
            self._transfer_file(str(file), staged)
            checksum = hashlib.sha256(file.read_bytes()).hexdigest()
            arguments = {**arguments, "staged": staged, "sha256": checksum}
            return self._execute_module("scan_node", module_args=arguments, task_vars=task_vars)
        finally:
            self._remove_tmp_path(shell.tmpdir)

    def _keep(self, answer):
        scanner = self._task.args["scanner"]
        place = Path(self._task.args["output"])
        if "content" in answer:
            leave(place / REPORTS[scanner], unpacked(answer["content"]))
        told = {name: answer[name] for name in TOLD if name in answer}
        leave(place / f"{scanner}.meta.json", json.dumps(told, indent=1).encode())
