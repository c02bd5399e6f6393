"""Things as documents: YAML and JSON of wire structs, with zones on their times and without secrets."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import msgspec
import yaml

from tui import text

#: What stands in the place of a secret.
HIDDEN = "(not shown)"

_SECRETS = re.compile(
    r"(^|_)(password|passphrase|passwd|secret|token|private_key|key_data|kubeconfig|authorization|cookie)$",
    re.IGNORECASE,
)
_UNSEEN = re.compile(r"[\x7f-\x9f\u202a-\u202e\u2066-\u2069]")  # neither YAML nor JSON escapes all of these


class _Dumper(yaml.SafeDumper):
    """Long texts as blocks, nothing folded."""


def _text_node(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    if _UNSEEN.search(value):
        style = '"'
    elif "\n" in value and value.isprintable() is False and text.clean(value) == value:
        style = "|"
    else:
        style = None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text_node)


def plain(thing: object) -> Any:
    """The thing as mappings, lists, texts and numbers: times with their zone, secrets replaced."""
    return _plain("", msgspec.to_builtins(thing, builtin_types=(datetime,), str_keys=True))


def as_yaml(thing: object) -> str:
    """The thing as YAML, its members in the order of the API."""
    dumped = yaml.dump(plain(thing), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000)
    return _escaped(dumped.removesuffix("...\n"))


def as_json(thing: object) -> str:
    """The thing as JSON, indented."""
    return _escaped(json.dumps(plain(thing), indent=2, ensure_ascii=False)) + "\n"


def kind(thing: object) -> str:
    """What sort of thing it is, in one word: cluster, job, node."""
    name = type(thing).__name__
    if isinstance(thing, Mapping | list | tuple):
        return "document"
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name.removesuffix("Item")).casefold()


def name(thing: object) -> str:
    """What the thing is called among its kind; empty if it has neither a name nor an id."""
    told = plain(thing)
    if not isinstance(told, dict):
        return ""
    if told.get("cluster_name") and told.get("type"):
        return text.one_line(f"{told['type']} {told['cluster_name']}")
    for member in ("name", "email", "action", "hash", "id"):
        if isinstance(value := told.get(member), str) and value:
            return text.one_line(value)
    return ""


def called(thing: object) -> str:
    """Kind and name, as in `cluster edge-07`."""
    return f"{kind(thing)} {name(thing)}".rstrip()


def file_name(thing: object) -> str:
    """A name for a file of it, as in `cluster-edge-07.yaml`."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", called(thing)).strip("-.") + ".yaml"


def _plain(member: str, value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(key, inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(member, inner) for inner in value]
    if isinstance(value, datetime):
        return text.aware(value).isoformat().replace("+00:00", "Z")
    if isinstance(value, str) and value:
        if _SECRETS.search(member):
            return HIDDEN
        if member == "url":
            return _address(value)
    return value


def _address(url: str) -> str:
    """Without what follows the host: in the address of a webhook that may be its secret."""
    try:
        parts = urlsplit(url)
        host = f"{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}"
    except ValueError:
        return HIDDEN
    rest = f"/{HIDDEN}" if parts.path.strip("/") or parts.query or parts.fragment else parts.path
    return f"{parts.scheme}://{host}{rest}"


def _escaped(dumped: str) -> str:
    return _UNSEEN.sub(lambda found: f"\\u{ord(found.group()):04x}", dumped)
