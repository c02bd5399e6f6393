import stat
from pathlib import Path

import pytest

from engine.domain.errors import MisconfiguredServer
from engine.execution import run_directory


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(run_directory, "_SHARED_MEMORY", tmp_path)
    return tmp_path


def test_it_is_closed_to_others_and_gone_at_the_end() -> None:
    with run_directory.kept("r1") as directory:
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        run_directory.write_private(directory / "secrets.yml", "x")
        assert stat.S_IMODE((directory / "secrets.yml").stat().st_mode) == 0o600
    assert not directory.exists()


def test_it_is_gone_after_an_error_too() -> None:
    with pytest.raises(RuntimeError), run_directory.kept("r1") as directory:
        raise RuntimeError
    assert not directory.exists()


@pytest.mark.parametrize("name", ["../x", "", "a/b", ".hidden", "x" * 65])
def test_an_id_cannot_lead_elsewhere(name: str) -> None:
    with pytest.raises(ValueError, match="run directory"):
        run_directory.make(name)


def test_a_link_laid_by_someone_else_is_refused(place: Path) -> None:
    elsewhere = place / "elsewhere"
    elsewhere.mkdir()
    run_directory.root().parent.symlink_to(elsewhere)
    with pytest.raises(MisconfiguredServer, match="someone else"):
        run_directory.make("r1")
