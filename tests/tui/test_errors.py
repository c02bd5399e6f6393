"""No traceback reaches the screen; the log has it, without locals and without secrets."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from textual import work

from tests.standins.provisioner_api import PASSWORD, ProvisionerApi
from tests.standins.provisioner_bodies import EMAIL
from tests.tui.conftest import screen_text, sees, terminal, until
from tests.tui.test_subjects import told
from tui import log_file
from tui.app import Terminal
from tui.client import Client
from tui.screens.clusters import ClustersScreen

MESSAGE = "Bearer abc.def token=hunter3"


class Clumsy(ClustersScreen):
    """Falls over its own feet."""

    @work
    async def action_refresh(self) -> None:
        """Fails as nobody has foreseen."""
        seen = "".join(["hunt", "er2"])  # noqa: F841  a local that must not be seen
        raise RuntimeError(MESSAGE)


async def test_an_action_that_fails_unforeseen_is_told_and_the_terminal_goes_on(
    api: ProvisionerApi, tmp_path: Path
):
    path = tmp_path / "tui.log"
    handler = log_file.handler(path)
    logger = logging.getLogger("keelyard.tui")
    logger.addHandler(handler)
    try:
        async with terminal(api) as pilot:
            await sees(pilot, "edge-07")
            assert isinstance(pilot.app, Terminal)
            await pilot.app.push_screen(Clumsy(pilot.app.client))
            await sees(pilot, "edge-07")
            await pilot.press("ctrl+r")
            await until(pilot, lambda: "An error of the terminal's own" in told(pilot), "the line")
            assert "Traceback" not in screen_text(pilot)
            await pilot.press("2")
            await sees(pilot, "provision")
            pilot.app.stumbled.clear()
    finally:
        logger.removeHandler(handler)
        handler.close()
    written = path.read_text()

    assert "Traceback" in written
    assert "action_refresh" in written
    assert "RuntimeError" in written
    assert "hunter" not in written
    assert "abc.def" not in written
    assert path.stat().st_mode & 0o777 == 0o600


async def test_a_handler_that_fails_ends_the_terminal_calmly(
    api: ProvisionerApi, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    def fail(self: ClustersScreen) -> None:
        seen = "hunter2"  # noqa: F841  a local that must not be seen
        raise RuntimeError("no such luck")

    monkeypatch.setattr(ClustersScreen, "draw", fail)
    app = Terminal(
        Client("http://127.0.0.1:8000", transport=api.transport),
        email=EMAIL,
        password=PASSWORD,
        start="clusters",
    )
    with pytest.raises(RuntimeError, match="no such luck"):
        async with app.run_test() as pilot:
            await until(pilot, lambda: app._exception, "the end")
    shown = capsys.readouterr()

    assert "stopped on an error of its own" in shown.err
    assert "Traceback" not in shown.out + shown.err
    assert "hunter2" not in shown.out + shown.err


@pytest.mark.parametrize(
    "said",
    [
        '{"password": "hunter2"}',
        "refresh_token=hunter2&x=1",
        "Authorization: Bearer hunter2",
        "https://ana:hunter2@yard.example/",
        "-----BEGIN OPENSSH PRIVATE KEY-----\nhunter2\n-----END OPENSSH PRIVATE KEY-----",
        "eyJhbGciOi.hunter2.x",
    ],
)
def test_secrets_do_not_reach_the_log(said: str):
    assert "hunter2" not in log_file.scrubbed(f"before {said} after")
