"""The keys that secrets are encrypted with: their file, their order through a rotation, and what they are found by in etcd."""

from __future__ import annotations

import json
from types import ModuleType

import pytest

from tests.unit.roles.loading import module


class RefusedError(Exception):
    """What fail_json becomes here."""


class Module:
    def fail_json(self, msg: str, **_: object) -> None:
        raise RefusedError(msg)


@pytest.fixture
def keys() -> ModuleType:
    return module("encryption_keys", "kube_hardening")


ONE, TWO = ("key-20260101-1", "c2VjcmV0IG9uZQ=="), ("key-20260102-1", "c2VjcmV0IHR3bw==")


def test_the_file_of_keys_is_read_as_it_was_written(keys):
    text = keys.document([ONE, TWO])

    assert keys.keys(text) == [ONE, TWO]
    assert text.index("secretbox") < text.index("identity")
    assert keys.keys("") == []


def test_a_rotation_goes_from_one_key_to_the_next_and_can_be_taken_up_anywhere(keys):
    added = keys.added([ONE])
    promoted = keys.promoted(added)

    assert added[0] == ONE
    assert added[1][0] not in (ONE[0], "")
    assert keys.added(added) == added
    assert promoted == [added[1], ONE]
    assert keys.promoted(promoted) == promoted
    assert keys.added(promoted) == promoted


def test_two_rotations_of_a_day_have_keys_in_their_order(keys):
    name = keys.new_key()[0]
    later = keys.new_key({name})[0]

    assert (name[-2:], later[-2:]) == ("-1", "-2")
    many = [(f"key-20260101-{number}", "") for number in (2, 10, 9)]
    assert [pair[0] for pair in keys.promoted(many)] == [
        "key-20260101-10",
        "key-20260101-9",
        "key-20260101-2",
    ]


def test_it_is_seen_in_etcd_which_key_a_secret_lies_under(keys):
    assert keys.under(b"k8s:enc:secretbox:v1:key-20260101-1:\x00\xff") == "key-20260101-1"
    assert keys.under(b"k8s\x00\n\x0c\n\x02v1\x12\x06Secret") == ""
    assert keys.under(b"k8s:enc:aescbc:v1:key1:...") == ""


def test_an_older_key_is_kept_while_a_secret_needs_it(keys, monkeypatch):
    asked = Module()
    asked.check_mode = False
    monkeypatch.setattr(keys, "stale", lambda *_: [("a", "b")])

    with pytest.raises(RefusedError, match="so it is kept"):
        keys.turn_to(asked, "dropped", [TWO, ONE])


def test_secrets_are_rewritten_until_none_is_left_and_only_those_that_need_it(keys, monkeypatch):
    asked = Module()
    asked.check_mode = False
    left = {("a", "one"), ("b", "two"), ("b", "busy")}
    written: list[list[str]] = []
    everything = [
        {"metadata": {"namespace": ns, "name": name}} for ns, name in [*sorted(left), ("c", "done")]
    ]

    def kubectl(_: object, verb: str, *__: str, data: str | None = None) -> tuple[int, str, str]:
        if verb == "get":
            return 0, json.dumps({"items": everything}), ""
        places = [
            (item["metadata"]["namespace"], item["metadata"]["name"])
            for item in json.loads(data or "")["items"]
        ]
        written.append([name for _, name in places])
        # One is changed by somebody else just then, and is written by the next turn.
        left.difference_update(place for place in places if place[1] != "busy" or len(written) > 1)
        return 1, "", "conflict"

    monkeypatch.setattr(keys, "kubectl", kubectl)
    monkeypatch.setattr(keys, "stale", lambda *_: sorted(left))

    assert keys.rewrite(asked, TWO[0]) == 3
    assert written == [["one", "busy", "two"], ["busy"]]
