"""Controller half of `bundle_install`: asks the node what it lacks, sends that, has it checked and installed.

Big files go as they are, since packing them would write hundreds of megabytes twice more; the many small ones go in one archive.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import tarfile
import tempfile
from pathlib import Path

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

BIG = 8 << 20  # bytes from which a file travels by itself


def sums_of(bundle, digest):
    """Path → SHA-256 from the bundle's SHA256SUMS, whose own digest must be the one that was verified.

    Raises AnsibleActionFail when the bundle is not there or is not the verified one.
    """
    listing = bundle / "SHA256SUMS"
    try:
        content = listing.read_bytes()
    except OSError as reason:
        raise AnsibleActionFail(f"The bundle at {bundle} cannot be read: {reason}. Build or copy it again.") from reason
    if hashlib.sha256(content).hexdigest() != digest:
        raise AnsibleActionFail(
            f"{listing} is not the one whose signature was verified. Run `keelyard bundle verify {bundle}` and retry."
        )
    lines = (line.split(maxsplit=1) for line in content.decode().splitlines() if line.strip())
    return {path.strip().lstrip("*").removeprefix("./"): checksum for checksum, path in lines}


def images_of(bundle, sums):
    """Archive path → image references, from bundle.json, which must be the one SHA256SUMS names."""
    content = (bundle / "bundle.json").read_bytes()
    if hashlib.sha256(content).hexdigest() != sums.get("bundle.json"):
        raise AnsibleActionFail(f"{bundle}/bundle.json does not match its checksum. Build or copy the bundle again.")
    archives = {}
    for image in json.loads(content)["images"]:
        archives.setdefault(image["file"], []).append(image["reference"])
    return archives


def pack(bundle, sources, workspace):
    """One tar with SHA256SUMS and the sources; made once per run and shared by the forks that need the same set."""
    name = hashlib.sha256("\n".join([str(bundle), *sources]).encode()).hexdigest()[:16]
    target = workspace / f"transfer-{name}.tar"
    with (workspace / f"transfer-{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            partial = target.with_suffix(".partial")
            with tarfile.open(partial, "w", format=tarfile.PAX_FORMAT) as archive:
                for source in ["SHA256SUMS", *sources]:
                    archive.add(bundle / source, arcname=source)
            partial.rename(target)
    return target


class ActionModule(ActionBase):
    """Compares, sends and installs."""

    TRANSFERS_FILES = False  # a directory on the node is made only when something is sent
    _VALID_ARGS = frozenset({"bundle", "digest", "files", "archives", "workspace"})

    def run(self, tmp=None, task_vars=None):
        """One round trip when the node has everything; otherwise a transfer and a second one."""
        result = super().run(tmp, task_vars)
        bundle, digest = Path(self._task.args["bundle"]), self._task.args["digest"]
        sums = sums_of(bundle, digest)
        archives = images_of(bundle, sums)
        files = self._task.args.get("files") or []
        wanted = {
            "digest": digest,
            "files": [{**item, "sha256": self._checksum(sums, item["source"])} for item in files],
            "archives": [
                {"source": source, "sha256": self._checksum(sums, source), "images": archives.get(source, [])}
                for source in self._task.args.get("archives") or []
            ],
        }
        answer = self._call({**wanted, "staged": ""}, task_vars)
        if answer.get("failed") or not answer.get("missing") or self._task.check_mode:
            return {**result, **answer}
        shown = {"diff": answer["diff"]} if self._task.diff else {}
        return {**result, **self._send(bundle, answer["missing"], wanted, task_vars), **shown}

    def _checksum(self, sums, source):
        if source not in sums:
            raise AnsibleActionFail(f"The bundle has no {source}; it was built for something else. Build it again.")
        return sums[source]

    def _call(self, arguments, task_vars):
        return self._execute_module("bundle_install", module_args=arguments, task_vars=task_vars)

    def _send(self, bundle, sources, wanted, task_vars):
        configured = self._task.args.get("workspace")
        big = [source for source in sources if (bundle / source).stat().st_size >= BIG]
        small = [source for source in sources if source not in big]
        with tempfile.TemporaryDirectory(prefix="keelyard-") as scratch:
            workspace = Path(configured or scratch)
            workspace.mkdir(mode=0o700, parents=True, exist_ok=True)
            shell = self._connection._shell
            if not shell.tmpdir:
                self._make_tmp_path()
            staged = shell.tmpdir
            try:
                self._transfer_file(str(pack(bundle, small, workspace)), shell.join_path(staged, "bundle.tar"))
                for source in big:
                    self._transfer_file(str(bundle / source), shell.join_path(staged, source.replace("/", "__")))
                return self._call({**wanted, "staged": staged}, task_vars)
            finally:
                self._remove_tmp_path(staged)
