"""Things as YAML, as JSON and in words."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
import yaml

from tests.standins.provisioner_bodies import cluster, job
from tui import description, document, references, text, wire

CLUSTER = msgspec.convert(cluster(), wire.Cluster)
JOB = msgspec.convert(job(), wire.Job)


def test_yaml_and_json_say_the_same_in_the_order_of_the_api():
    read = yaml.safe_load(document.as_yaml(CLUSTER))

    assert read == json.loads(document.as_json(CLUSTER))
    assert list(read)[:3] == ["id", "name", "description"]
    assert read["created_at"].endswith("Z")


@pytest.mark.parametrize("member", ["password", "private_key", "token", "refresh_token", "secret"])
def test_secrets_are_never_in_a_document(member: str):
    thing = {"name": "x", "inner": [{member: "hunter2"}]}

    assert "hunter2" not in document.as_yaml(thing) + document.as_json(thing) + description.described(thing)
    assert document.HIDDEN in document.as_yaml(thing)


def test_the_address_of_a_webhook_ends_at_its_host():
    shown = document.as_yaml({"url": "https://user:pw@chat.example:8443/hooks/hunter2?key=1"})

    assert yaml.safe_load(shown) == {"url": f"https://chat.example:8443/{document.HIDDEN}"}


@pytest.mark.parametrize(
    "nasty", ["\x1b[2Jred", "a\u202eb", "line\nline\x07", "two\nlines", "\x9b1m", "- [x]: y"]
)
def test_text_from_outside_comes_back_whole_and_cannot_drive_a_terminal(nasty: str):
    for shown, read in ((document.as_yaml, yaml.safe_load), (document.as_json, json.loads)):
        document_text = shown({"message": nasty})

        assert read(document_text) == {"message": nasty}
        assert text.clean(document_text) == document_text


def test_in_words_times_are_relative_and_exact_and_what_is_empty_says_so():
    at = datetime.now(UTC) - timedelta(minutes=4, seconds=2)
    shown = description.described({"created_at": at, "status": "failed", "ha": False, "message": None})

    assert shown.splitlines()[0].startswith("Created  4m0")
    assert f"({at.astimezone():%Y-%m-%d %H:%M:%S %Z})" in shown
    assert "Status   ✗ failed" in shown
    assert "HA       no" in shown
    assert "Message  -" in shown


def test_a_thing_has_a_kind_a_name_and_a_name_for_its_file():
    assert document.called(CLUSTER) == "cluster edge-07"
    assert document.called(JOB) == "job provision edge-07"
    assert document.file_name(JOB) == "job-provision-edge-07.yaml"


def test_a_job_refers_to_its_cluster():
    assert references.Reference("clusters", "edge-07", JOB.cluster_id) in references.references(JOB)
