"""The terminal's parts without a screen: the stream's parser, words and times, what an import loads."""

import subprocess
import sys
from datetime import UTC, datetime

import pytest

from tui import text
from tui.client import Client
from tui.stream import Parser, ServerSentEvent

STREAM = (
    "retry: 2000\r\n\r\n: ping\r\n\r\n"
    'id: 7\r\nevent: host_ok\r\ndata: {"a":\r\ndata: 1}\r\n\r\n'
    "event: end\n\n"
)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_a_stream_reads_the_same_wherever_it_is_cut(size: int):
    parser = Parser()
    told = [
        message
        for start in range(0, len(STREAM), size)
        for message in parser.feed(STREAM[start : start + size])
    ]

    assert told == [ServerSentEvent("host_ok", '{"a":\n1}', "7"), ServerSentEvent("end", "", "7")]


def test_text_from_outside_cannot_drive_the_terminal():
    assert text.clean("\x1b[2J\x1b]0;title\x07red\x1b[31m\u202e\r\nnext") == "red\nnext"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(8.4, "8s"), (112, "1m52"), (7500, "2h05m"), (273_600, "3d4h"), (40 * 86_400, "40d"), (-5, "0s")],
)
def test_durations_read_as_an_operator_says_them(seconds: float, shown: str):
    assert text.duration(seconds) == shown


def test_a_status_is_a_sign_and_a_word():
    assert text.status("running").plain == "● running"
    assert text.status("running", works=True).plain == "◐ running"
    assert text.status("novel").plain == "? novel"


def test_a_time_without_a_zone_is_utc():
    assert text.aware(datetime(2026, 1, 29, 10)) == datetime(2026, 1, 29, 10, tzinfo=UTC)  # noqa: DTZ001


@pytest.mark.parametrize("url", ["", "yard.example", "ftp://yard.example", "http://", "http://[::1"])
def test_an_address_that_is_none_is_refused(url: str):
    with pytest.raises(ValueError, match="URL"):
        Client(url)


def test_only_plain_http_beyond_this_machine_is_called_exposed():
    exposed = {
        url: Client(url).is_exposed for url in ("http://127.0.0.1:1", "https://a.example", "http://a.example")
    }

    assert list(exposed.values()) == [False, False, True]


def test_the_terminal_loads_no_server():
    code = "import sys, tui.app; print(*{name.partition('.')[0] for name in sys.modules})"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert (
        set(shown.stdout.split()) & {"litestar", "piccolo", "ansible_runner", "ansible", "granian"} == set()
    )
