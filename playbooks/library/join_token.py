#!/usr/bin/python
"""Makes a short-lived bootstrap token on a control plane, and removes the ones that Keelyard made."""

from __future__ import annotations

DOCUMENTATION = r"""
module: join_token
short_description: Make or remove Keelyard's bootstrap tokens
description: Tokens are told apart by their description, so those that an operator made stay. Make them with no_log.
options:
  state:
    description: present makes a new token; absent deletes all that Keelyard made.
    type: str
    choices: [present, absent]
    default: present
  ttl:
    description: Life of a new token.
    type: str
    default: 15m
  description:
    description: What marks a token as Keelyard's.
    type: str
    default: keelyard
"""

import base64
import json
import os
import re

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.keelyard import PATH, tail

ADMIN = ["--kubeconfig", "/etc/kubernetes/admin.conf"]
CA = "/etc/kubernetes/pki/ca.crt"


def kubeadm(module, *arguments):
    """Runs kubeadm token; returns its standard output, which may carry a token."""
    code, out, err = module.run_command(["kubeadm", *ADMIN, "token", *arguments], environ_update={"PATH": PATH})
    if code:
        module.fail_json(msg="kubeadm token %s failed: %s Is the apiserver up? Retry." % (arguments[0], tail(err)))
    return out


def authority():
    """The certificate of the cluster's authority, as kubeconfigs hold it."""
    with open(CA, "rb") as stream:
        return base64.b64encode(stream.read()).decode("ascii")


def ours(module):
    """Identifiers (the public half) of the tokens that Keelyard made."""
    out = kubeadm(module, "list", "-o", "json")
    decoder, found, at = json.JSONDecoder(), [], 0
    while True:
        at = re.compile(r"\s*").match(out, at).end()
        if at >= len(out):
            return found
        token, at = decoder.raw_decode(out, at)
        if token.get("description") == module.params["description"]:
            found.append(token["token"].partition(".")[0])


def main():
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "ttl": {"type": "str", "default": "15m"},
            "description": {"type": "str", "default": "keelyard"},
        },
        supports_check_mode=True,
    )
    if module.params["state"] == "present":
        if module.check_mode:
            module.exit_json(changed=True, token="", ca="")
        create = ["create", "--ttl", module.params["ttl"], "--description", module.params["description"]]
        module.exit_json(changed=True, token=kubeadm(module, *create).strip(), ca=authority())
    if module.check_mode and not os.path.exists(ADMIN[1]):
        module.exit_json(changed=True, declared="deletes the bootstrap tokens that Keelyard made, once there is an apiserver")
    identifiers = ours(module)
    if identifiers and not module.check_mode:
        kubeadm(module, "delete", *identifiers)
    module.exit_json(changed=bool(identifiers))


if __name__ == "__main__":
    main()
