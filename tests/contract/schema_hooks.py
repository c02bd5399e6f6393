"""What schemathesis cannot know: things that exist, addresses that are ours, a session that may be ended.

Loaded by `st run` of test_schema.py, which says in KEELYARD_SCHEMA what there is.
"""

from __future__ import annotations

import json
import os
import zlib
from typing import Any

import requests
import schemathesis

GIVEN: dict[str, Any] = json.loads(os.environ["KEELYARD_SCHEMA"])
SHARE = 4  # one value in so many is left as it was made up


@schemathesis.hook
def map_path_parameters(context: schemathesis.HookContext, path_parameters: Any) -> Any:
    """Most ids are of things that exist, so that more than 404 is seen."""
    if isinstance(path_parameters, dict):
        for name, value in path_parameters.items():
            if name in GIVEN["known"] and zlib.crc32(repr(value).encode()) % SHARE:
                path_parameters[name] = GIVEN["known"][name]
    return path_parameters


@schemathesis.hook
def map_body(context: schemathesis.HookContext, body: Any) -> Any:
    """No made-up address is ever spoken to: nodes to try SSH on are this machine, at a closed port."""
    if context.operation.path.endswith("/test-ssh") and isinstance(body, dict):
        nodes = body.get("nodes")
        for node in nodes if isinstance(nodes, list) else ():
            if isinstance(node, dict):
                node |= {"ip_address": "127.0.0.1", "ssh_port": 1}
    return body


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case, kwargs: dict[str, Any]) -> None:
    """Each request is the role's; what may end a session gets one of its own to end."""
    if GIVEN["login"]:
        ending = "/auth/" in case.operation.path and case.method.upper() != "GET"
        case.headers["Authorization"] = f"Bearer {_token() if ending else GIVEN['token']}"


def _token() -> str:
    answer = requests.post(f"{GIVEN['url']}/api/v1/auth/login", data=GIVEN["login"], timeout=30)
    return str(answer.json()["access_token"])
