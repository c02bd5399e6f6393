"""The request as commands for a shell: the same cluster without the terminal.

No secret is written: the key is read from its file, passwords and the token from the environment, and none of
them is an argument of a command, which every user of the machine could read.
"""

from __future__ import annotations

import json
import shlex
from typing import Any

from tui.wizard.draft import PRIVATE_KEY, Draft

TOKEN = "KEELYARD_TOKEN"  # noqa: S105 - names of variables, not secrets
KEY_FILE = "KEELYARD_SSH_KEY_FILE"
PASSPHRASE = "KEELYARD_SSH_PASSPHRASE"  # noqa: S105
PASSWORD = "KEELYARD_SSH_PASSWORD"  # noqa: S105


def command(url: str, draft: Draft, request: dict[str, Any], *, passphrase: bool, password: bool) -> str:
    """The commands. `passphrase` and `password` say whether the login has them."""
    arguments, filters = ["jq"], []
    needed = [f"{TOKEN}, an access token"]
    if draft.auth_method == PRIVATE_KEY:
        arguments += ["--rawfile", "key", _key_file(draft)]
        filters.append(".ssh_config.private_key = $key")
        if not draft.key_path:
            needed.append(f"{KEY_FILE}, the file of the private key")
        if passphrase:
            filters.append(f".ssh_config.passphrase = env.{PASSPHRASE}")
            needed.append(f"{PASSPHRASE}, the key's passphrase")
    if password:
        filters.append(f".ssh_config.password = env.{PASSWORD}")
        needed.append(f"{PASSWORD}, the password")
    arguments.append(shlex.quote(" | ".join(filters) or "."))
    body = json.dumps(request, indent=2, ensure_ascii=True)
    return "\n".join(
        [
            *(f"# Needs in the environment: {each}." for each in needed),
            "umask 077",
            f"{' '.join(arguments)} > cluster.json <<'JSON'",
            body,
            "JSON",
            "curl --config - --fail-with-body --silent --show-error --data @cluster.json \\",
            f"  {shlex.quote(url.rstrip('/') + '/api/v1/clusters')} <<HEADERS",
            f'header = "Authorization: Bearer ${TOKEN}"',
            'header = "Content-Type: application/json"',
            "HEADERS",
            "rm cluster.json",
        ]
    )


def _key_file(draft: Draft) -> str:
    if not draft.key_path:
        return f'"${KEY_FILE}"'
    if draft.key_path.startswith("~/"):
        return f"~/{shlex.quote(draft.key_path[2:])}"
    return shlex.quote(draft.key_path)
