"""What was built is found again by its inputs, whole or not at all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from engine.bundle.cache import Cache, key_of


def test_the_key_changes_with_any_file_name_or_text(tmp_path: Path) -> None:
    (tmp_path / "go.mod").write_text("one")
    first = key_of(["1", tmp_path])

    assert key_of(["1", tmp_path]) == first
    assert key_of(["2", tmp_path]) != first
    (tmp_path / "go.mod").write_text("two")
    second = key_of(["1", tmp_path])
    (tmp_path / "go.mod").rename(tmp_path / "go.sum")
    assert len({first, second, key_of(["1", tmp_path])}) == 3


def test_texts_do_not_run_into_each_other() -> None:
    assert key_of(["ab", "c"]) != key_of(["a", "bc"])


def test_a_thing_is_made_once(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    made = []

    def make(into: Path) -> None:
        made.append(into)
        (into / "program").write_text("built")

    first = cache.obtain("runc-1", "key", make)
    second = cache.obtain("runc-1", "key", make)

    assert first == second
    assert (first / "program").read_text() == "built"
    assert len(made) == 1
    assert cache.has("runc-1", "key")
    assert not cache.has("runc-1", "other")


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    def fail(into: Path) -> None:
        (into / "half").write_text("half")
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space"):
        Cache(tmp_path).obtain("runc-1", "key", fail)
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_build_left_is_swept_by_the_next(tmp_path: Path) -> None:
    (tmp_path / ".partial-dead").mkdir()

    with Cache(tmp_path).locked(pytest.fail):
        assert not (tmp_path / ".partial-dead").exists()


def test_a_second_build_says_whom_it_waits_for_and_goes_on_when_that_one_ends(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys; from pathlib import Path; from engine.bundle.cache import Cache\n"
            "with Cache(Path(sys.argv[1])).locked(print): print('held', flush=True); sys.stdin.read()",
            str(tmp_path),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        assert holder.stdout.readline() == "held\n"
        waited_for = []

        def waiting(process: str) -> None:
            waited_for.append(process)
            holder.stdin.close()  # type: ignore[union-attr]

        with Cache(tmp_path).locked(waiting):
            assert waited_for == [str(holder.pid)]
