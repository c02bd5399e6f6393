"""Where webhooks may lead, how they are signed, when they are tried again; and where mail goes."""

from __future__ import annotations

import time
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest

from engine.clients import smtp, webhook
from engine.domain import job_notices
from engine.domain.errors import MisconfiguredServer

INSIDE = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))


@pytest.mark.parametrize(
    ("address", "scheme", "allowed", "may"),
    [
        ("93.184.216.34", "https", (), True),
        ("2606:2800:220:1::1", "https", (), True),
        ("93.184.216.34", "http", (), False),
        ("93.184.216.34", "http", INSIDE, False),
        ("10.1.2.3", "https", (), False),
        ("10.1.2.3", "http", INSIDE, True),
        ("::ffff:10.1.2.3", "https", (), False),
        ("::ffff:10.1.2.3", "https", INSIDE, True),
        ("fd00::1", "https", INSIDE, True),
        ("127.0.0.1", "https", INSIDE, False),
        ("::1", "https", (), False),
        ("100.64.0.1", "https", (), False),
        ("169.254.169.254", "https", (ip_network("0.0.0.0/0"),), False),
        ("fe80::1", "https", (ip_network("::/0"),), False),
        ("0.0.0.0", "https", (ip_network("0.0.0.0/0"),), False),
        ("224.0.0.1", "https", (ip_network("0.0.0.0/0"),), False),
        ("64:ff9b::a01:203", "https", (), False),
        ("2002:a01:203::1", "https", (), False),
        ("192.0.2.1", "https", (), False),
    ],
)
def test_only_public_addresses_and_named_networks(address, scheme, allowed, may):
    assert (webhook.refusal(ip_address(address), scheme, allowed) is None) is may


@pytest.mark.parametrize(
    "url",
    [
        "smtp://u:canary@mail.example.com:25?tls=none",
        "smtp://u:canary@:587",
        "smtp://u:canary@mail.example.com:70000",
        "smtps://u:canary@mail.example.com?tls=none",
        "smtp://u:canary@mail.example.com?verify=no",
        "http://u:canary@mail.example.com",
    ],
)
def test_a_mail_server_that_does_not_fit_is_refused_without_repeating_its_password(url):
    with pytest.raises(MisconfiguredServer) as refused:
        smtp.server(url, "keelyard@example.com")

    assert "canary" not in str(refused.value)


def test_mail_is_encrypted_unless_told_otherwise():
    sender = "keelyard@example.com"
    found = [
        smtp.server(url, sender)
        for url in (
            "smtp://a%40b:p%3Aw@mail.example.com",
            "smtps://mail.example.com",
            "smtp://localhost:25?tls=none",
        )
    ]

    assert [(each.host, each.port, each.tls) for each in found if each] == [
        ("mail.example.com", 587, "starttls"),
        ("mail.example.com", 465, "tls"),
        ("localhost", 25, "none"),
    ]
    assert found[0] is not None
    assert (found[0].username, found[0].password) == ("a@b", "p:w")
    assert smtp.server("", "") is None
    with pytest.raises(MisconfiguredServer, match="MAIL_FROM"):
        smtp.server("smtp://mail.example.com", "")


def test_the_documented_receiver_takes_what_is_signed_and_nothing_else():
    """The example in the documentation is run as it stands there."""
    page = (Path(__file__).parents[2] / "docs" / "schedules-and-notifications.md").read_text()
    names: dict[str, Any] = {}
    exec(page.partition("```python\n")[2].partition("```")[0], names)  # our own text
    is_genuine, now, body = names["is_genuine"], int(time.time()), b'{"event": "test"}'
    header = job_notices.signature(["new", "old"], now, body)

    assert is_genuine("new", header, body)
    assert is_genuine("old", header, body)
    assert not is_genuine("other", header, body)
    assert not is_genuine("new", header, body + b" ")
    assert not is_genuine("new", header.replace(f"t={now}", f"t={now + 1}"), body)
    assert not is_genuine("new", job_notices.signature(["new"], now - 900, body), body)
    assert not any(is_genuine("new", wrong, body) for wrong in ("", "v1=é", "t=x,v1=y", "t=1"))


def test_eight_tries_take_about_a_day():
    waits = [job_notices.retry_after(tries) for tries in range(1, 9)]

    assert waits[-1] is None
    assert 23 * 3600 < sum(wait for wait in waits if wait) < 24 * 3600
