"""Lines of the administrator's files that contradict what a node needs, as hardening by others leaves them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.unit.roles.loading import module, shared

module("kernel_state", "node_prepare")
overruled = shared("keelyard_overruled")
MARK = "# keelyard x: "


def test_lines_that_say_otherwise_are_commented_out_and_come_back():
    text = "# mine\nnet.ipv4.ip_forward=0\n-net/ipv4/conf/all/rp_filter = 1\nvm.swappiness = 1\nnet.ipv4.tcp_syncookies=1\n"
    values = {"net.ipv4.ip_forward": "1", "net.ipv4.conf.all.rp_filter": "2", "net.ipv4.tcp_syncookies": "1"}

    def silenced(before: str) -> str:
        return overruled.silenced(before, MARK, lambda line: overruled.other_sysctl(line, values))

    assert silenced(text).count(MARK) == 2
    assert "\nvm.swappiness = 1\nnet.ipv4.tcp_syncookies=1\n" in silenced(text)
    assert silenced(silenced(text)) == silenced(text)
    assert overruled.spoken(silenced(text), MARK) == text


@pytest.mark.parametrize(
    ("line", "off"),
    [
        ("install overlay /bin/true", True),
        ("  install br-netfilter /usr/bin/false\n", True),
        ("blacklist br_netfilter", True),
        ("alias overlay off", True),
        ("install overlay /sbin/modprobe --ignore-install overlay && logger overlay", False),
        ("install cramfs /bin/true", False),
        ("blacklist overlayfs2", False),
        ("options overlay metacopy=off", False),
        ("# install overlay /bin/true", False),
    ],
)
def test_rules_that_keep_a_needed_module_out_are_known(line: str, off: bool):
    assert overruled.turns_off(line, ["overlay", "br_netfilter"]) is off


def test_a_file_is_rewritten_byte_by_byte_and_only_when_it_differs(tmp_path: Path):
    mine, other = tmp_path / "site.conf", tmp_path / "other.conf"
    mine.write_bytes(b"# gr\xfc\xdfe\ninstall overlay /bin/true\n")
    other.write_text("blacklist floppy\n")
    mine.chmod(0o640)
    paths = overruled.files([f"{tmp_path}/*.conf"])

    def change(text: str) -> str:
        return overruled.silenced(text, MARK, lambda line: overruled.turns_off(line, ["overlay"]))

    looked = overruled.rewrite(SimpleNamespace(check_mode=True), paths, change)
    changed = overruled.rewrite(SimpleNamespace(check_mode=False), paths, change)

    assert looked == changed == [str(mine)]
    assert mine.read_bytes() == b"# gr\xfc\xdfe\n# keelyard x: install overlay /bin/true\n"
    assert mine.stat().st_mode & 0o7777 == 0o640
    assert overruled.rewrite(SimpleNamespace(check_mode=False), paths, change) == []
