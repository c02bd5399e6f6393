"""Documents of the operator's: YAML or JSON, several in a file, several files, a directory, standard input.

A document is the body of the request that makes the thing, plus `kind`; without one it is a Cluster, so
that a spec file of `keelyard run` is one as it is. Secrets of a cluster may stand in files of their own,
`private_key_file`, `passphrase_file` and `password_file`, named as seen from the document.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from tui.command_line.exits import Failed

KINDS = ("Tenant", "Template", "Cluster", "Schedule", "Channel")  # in the order in which they are applied
_SUFFIXES = frozenset({".yaml", ".yml", ".json"})
_SECRETS = ("private_key", "passphrase", "password")
#: What a spec file says to a run without a server, and a server decides by itself.
_LOCAL = frozenset({"id", "artifacts", "bundle", "kind"})
_LEARNED = frozenset({"machine_id", "host_keys"})


@dataclass(frozen=True)
class Document:
    """One thing as it is written down."""

    kind: str
    name: str
    said: dict[str, Any]
    where: str  # file and number, for messages
    folder: Path
    ssh_key: Path | None = None

    @property
    def title(self) -> str:
        """As in `cluster yard-1`."""
        return f"{self.kind.lower()} {self.name}"

    def request(self) -> dict[str, Any]:
        """As a request to the server, secrets read from their files. Raises Failed."""
        body = {name: value for name, value in self.said.items() if name != "kind"}
        if self.kind != "Cluster":
            return self.said if self.said.get("kind") not in KINDS else body
        body = {name: value for name, value in body.items() if name not in _LOCAL}
        body["nodes"] = [_node(node) for node in body.get("nodes") or ()]
        body["ssh_config"] = self._login(body.get("ssh_config") or {})
        return body

    def _login(self, said: dict[str, Any]) -> dict[str, Any]:
        login = {"auth_method": "private_key", **said}
        for secret in _SECRETS:
            path = login.pop(f"{secret}_file", None)
            if path is not None and not login.get(secret):
                login[secret] = self._read(str(path), f"ssh_config.{secret}_file")
        if self.ssh_key is not None:
            login |= {"auth_method": "private_key", "private_key": self._read(str(self.ssh_key), "--ssh-key")}
        if login["auth_method"] == "private_key" and not login.get("private_key"):
            raise Failed(
                f"{self.where}: {self.title} says nothing about its key.",
                remedy="Write ssh_config.private_key_file, or give --ssh-key.",
            )
        return login

    def _read(self, path: str, what: str) -> str:
        place = Path(path).expanduser()
        place = place if place.is_absolute() or what == "--ssh-key" else self.folder / place
        try:
            text = place.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as unreadable:
            why = getattr(unreadable, "strerror", None) or "it is not a text file"
            raise Failed(f"{self.where}: {what} {place} cannot be read: {why}.") from unreadable
        return text if "private_key" in what or what == "--ssh-key" else text.rstrip("\r\n")


def load(paths: Sequence[Path], ssh_key: Path | None = None) -> list[Document]:
    """Every document of these files, in the order of applying. Raises Failed for everything at once."""
    found: list[Document] = []
    problems: list[str] = []
    for name, text, folder in _texts(paths):
        for number, said in enumerate(_parsed(name, text), start=1):
            where = f"{name}, document {number}"
            problem = _problem(said)
            if problem:
                problems.append(f"{where}: {problem}")
            elif said is not None:
                found.append(_document(said, where, folder, ssh_key))
    seen: dict[tuple[str, str], str] = {}
    problems += [
        f"{document.where}: {document.title} is in {first} already."
        for document in found
        if (first := seen.setdefault((document.kind, document.name), document.where)) != document.where
    ]
    if problems:
        raise Failed("\n       ".join(problems))
    if not found:
        raise Failed("There is no document in what was given.")
    return sorted(found, key=lambda document: KINDS.index(document.kind))


def of_kind(path: Path, kind: str) -> list[dict[str, Any]]:
    """The one document of a file that is about one thing of this kind. Raises Failed."""
    [(name, text, _)] = list(_texts([path]))
    documents = [said for said in _parsed(name, text) if said is not None]
    if len(documents) != 1 or not isinstance(documents[0], dict):
        raise Failed(f"{name}: one {kind} is needed here, a mapping.")
    said = dict(documents[0])
    if said.get("kind") in (*KINDS, "User") and said.pop("kind") != kind:
        raise Failed(f"{name}: this is no {kind}.")
    return [said]


def _texts(paths: Sequence[Path]) -> Iterator[tuple[str, str, Path]]:
    """Name, content and folder of each file."""
    for path in paths:
        if str(path) == "-":
            yield "standard input", sys.stdin.read(), Path.cwd()
            continue
        files = (
            sorted(each for each in path.iterdir() if each.suffix in _SUFFIXES) if path.is_dir() else [path]
        )
        if not files:
            raise Failed(f"There is no .yaml, .yml or .json file in {path}.")
        for file in files:
            try:
                yield str(file), file.read_text(encoding="utf-8"), file.parent
            except OSError as unreadable:
                raise Failed(f"{file} cannot be read: {unreadable.strerror}.") from unreadable
            except UnicodeDecodeError as binary:
                raise Failed(f"{file} is not a text file.") from binary


def _parsed(name: str, text: str) -> list[Any]:
    import yaml  # takes a while to load

    try:
        return list(yaml.safe_load_all(text))
    except yaml.YAMLError as wrong:
        raise Failed(f"{name} is not YAML: {wrong}") from wrong


def _problem(said: Any) -> str:
    """What is wrong with a document; empty when nothing is, or when it is empty itself."""
    if said is None:
        return ""
    if not isinstance(said, dict) or not all(isinstance(name, str) for name in said):
        return "a document is a mapping."
    kind = _kind(said)
    if kind not in KINDS:
        return f"kind {kind!r} is not known; there is {', '.join(KINDS)}."
    called = _called(kind)
    if not isinstance(said.get(called), str) or not said[called]:
        return f"a {kind} needs a `{called}`."
    if kind == "Cluster" and not isinstance(said.get("nodes") or [], list):
        return "`nodes` is a list."
    if kind == "Cluster" and not isinstance(said.get("ssh_config") or {}, dict):
        return "`ssh_config` is a mapping."
    return ""


def _document(said: dict[str, Any], where: str, folder: Path, ssh_key: Path | None) -> Document:
    kind = _kind(said)
    return Document(kind, said[_called(kind)], said, where, folder, ssh_key if kind == "Cluster" else None)


def _kind(said: dict[str, Any]) -> str:
    """A Cluster when it does not say; a channel's own `kind` (webhook, mail) makes it a Channel."""
    kind = said.get("kind", "Cluster")
    return "Channel" if kind in ("webhook", "mail") else str(kind)


def _called(kind: str) -> str:
    return "slug" if kind == "Tenant" else "name"


def _node(node: Any) -> Any:
    """A node as the request has it: of the learned keys the first, of the machine id nothing."""
    if not isinstance(node, dict):
        return node
    body = {name: value for name, value in node.items() if name not in _LEARNED}
    keys = node.get("host_keys") or []
    if keys and not body.get("host_key") and not body.get("fingerprint"):
        body["host_key"] = keys[0]
    return body


def paths_option(command: Any) -> Any:
    """-f, repeatable."""
    choice = click.option(
        "-f",
        "--file",
        "paths",
        multiple=True,
        required=True,
        type=click.Path(path_type=Path, allow_dash=True),
        help="A file, a directory of them, or - for standard input; repeatable.",
    )
    return choice(command)
