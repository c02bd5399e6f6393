"""What Keelyard's modules share on a node: redaction, journal tails, and the record of what Keelyard owns.

Runs on the nodes, so it is written for Python 3.9 and the standard library alone.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile

HOME = "/etc/keelyard"
IDENTITY = HOME + "/cluster.json"
OWNED = HOME + "/owned.json"
ORIGINALS = "/var/lib/keelyard/originals"
# A hardened node's own umask would hide what is written here from those who must read it. Secrets have modes of their own.
os.umask(0o022)

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_TOKEN = re.compile(r"\b[a-z0-9]{6}\.[a-z0-9]{16}\b")
_PEM = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----", re.DOTALL)
_KEY = re.compile(r"\b[a-f0-9]{64}\b(?=\s*$)", re.MULTILINE)
_BASE64 = re.compile(r"((?:key|token|password)[-_a-z]*[\"']?\s*[:=]\s*)\S+", re.IGNORECASE)

_COMPLAINT = re.compile(r"^[EF]\d{4} |level=(?:error|fatal)|error|fail", re.IGNORECASE)


def redact(text):
    """The text without bootstrap tokens, private keys, certificate keys and values that are named like secrets."""
    text = _PEM.sub("[redacted key]", text)
    text = _TOKEN.sub("[redacted token]", text)
    text = _KEY.sub("[redacted]", text)
    return _BASE64.sub(r"\1[redacted]", text)


def tail(text, lines=20):
    """The last lines of a text, redacted."""
    return "\n".join(redact(text).strip().splitlines()[-lines:])


def journal(module, units, lines=8):
    """The last complaints in the journals of some units, redacted, for a failure message; empty without a journal."""
    parts = []
    for unit in units:
        code, out, _ = module.run_command(
            ["journalctl", "--no-pager", "-o", "cat", "-n", "150", "-u", unit], environ_update={"PATH": PATH}
        )
        everything = [line[:300] for line in redact(out).splitlines() if line.strip()] if code == 0 else []
        complaints = [line for line in everything if _COMPLAINT.search(line)] or everything
        if complaints:
            parts.append("--- %s says\n%s" % (unit, "\n".join(complaints[-lines:])))
    return "\n".join(parts)


def sha256(path):
    """The SHA-256 of a file, in hex."""
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        for block in iter(lambda: stream.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def read_json(path, default):
    """The JSON in a file, or the default when there is no such file or it is damaged."""
    try:
        with open(path, encoding="utf-8") as stream:
            return json.load(stream)
    except (OSError, ValueError):
        return default


def write_text(path, text, mode):
    """Replaces a file in one step, so that a run that dies leaves the old or the new one, never half of it."""
    directory = os.path.dirname(path)
    os.makedirs(directory, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=directory, prefix=".keelyard-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="surrogateescape") as stream:
            stream.write(text)
            stream.flush()
            os.fchmod(stream.fileno(), mode)
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


class Owned:
    """The record of files that Keelyard put on this node; deprovision removes these and no others."""

    def __init__(self):
        self.entries = read_json(OWNED, {})
        self._before = json.dumps(self.entries, sort_keys=True)

    def __contains__(self, path):
        return path in self.entries

    def put(self, path, **facts):
        """Records a file as Keelyard's, keeping what was known about its original."""
        self.entries[path] = dict({"original": self.entries.get(path, {}).get("original", "")}, **facts)

    def drop(self, path):
        """Forgets a file."""
        self.entries.pop(path, None)

    def keep_original(self, path):
        """Saves a file that someone else made before Keelyard replaces it, so that deprovision can put it back."""
        if path in self.entries or not os.path.isfile(path):
            return
        copy = ORIGINALS + path
        os.makedirs(os.path.dirname(copy), mode=0o700, exist_ok=True)
        with open(path, "rb") as source, open(copy, "wb") as target:
            target.write(source.read())
        os.chmod(copy, os.stat(path).st_mode & 0o7777)
        self.entries[path] = {"original": copy}

    def save(self):
        """Writes the record when it differs; returns whether it did."""
        if json.dumps(self.entries, sort_keys=True) == self._before:
            return False
        write_text(OWNED, json.dumps(self.entries, indent=1, sort_keys=True) + "\n", 0o600)
        return True
