"""What was built once: one folder per component, named by a hash of everything that decides its content."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path


def key_of(parts: Iterable[str | Path]) -> str:
    """Sixteen hex digits over `parts`: text as it is, a file by its bytes, a folder by its files."""
    digest = hashlib.sha256()
    for part in parts:
        for piece in _pieces(part):
            digest.update(len(piece).to_bytes(8, "big"))
            digest.update(piece)
    return digest.hexdigest()[:16]


def _pieces(part: str | Path) -> Iterator[bytes]:
    if isinstance(part, str):
        yield part.encode()
    elif part.is_dir():
        for file in sorted(path for path in part.rglob("*") if path.is_file()):
            yield file.relative_to(part).as_posix().encode()
            yield file.read_bytes()
    else:
        yield part.read_bytes()


class Cache:
    """Folders of finished components below one root. A folder is there whole or not at all."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @contextlib.contextmanager
    def locked(self, waiting: Callable[[str], None]) -> Iterator[None]:
        """Holds the cache for one build; leftovers of a killed one are swept.

        `waiting` is called once, with the other process's id, when another build has to end first.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / ".lock").open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                waiting(lock.read().strip() or "unknown")
                fcntl.flock(lock, fcntl.LOCK_EX)
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            for leftover in self.root.glob(".partial-*"):
                shutil.rmtree(leftover)
            yield

    def path(self, name: str, key: str) -> Path:
        """Where component `name` with `key` is, once it is made."""
        return self.root / f"{name}-{key}"

    def has(self, name: str, key: str) -> bool:
        """Whether the component is there."""
        return self.path(name, key).is_dir()

    def obtain(self, name: str, key: str, make: Callable[[Path], None]) -> Path:
        """The component's folder; `make` fills a fresh one when it is missing; its failure leaves nothing."""
        final = self.path(name, key)
        if final.is_dir():
            return final
        self.root.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=self.root))
        try:
            make(partial)
            partial.chmod(0o755)
            partial.rename(final)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        return final
