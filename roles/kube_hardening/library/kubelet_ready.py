#!/usr/bin/python
"""Waits until a node's kubelet is well and, if it is to, serves with a certificate that the cluster signed."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kubelet_ready
short_description: Wait until a kubelet is well
description: Asks the kubelet's own health endpoint on the node, and looks for the certificate it was given.
options:
  node:
    description: Name of the node, for messages.
    type: str
    required: true
  signed:
    description: Whether it has to have a serving certificate from the cluster.
    type: bool
    default: false
  seconds:
    description: How long it may take.
    type: int
    default: 300
"""

import os
import time
import urllib.request

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.keelyard import journal

HEALTH = "http://127.0.0.1:10248/healthz"
CERTIFICATE = "/var/lib/kubelet/pki/kubelet-server-current.pem"
CALM_SECONDS = 3


def is_well():
    """Whether the kubelet says it is well."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(HEALTH, timeout=3) as answer:
            return answer.status == 200
    except OSError:
        return False


def main():
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "node": {"type": "str", "required": True},
            "signed": {"type": "bool", "default": False},
            "seconds": {"type": "int", "default": 300},
        },
        supports_check_mode=True,
    )
    deadline, well_since = time.monotonic() + module.params["seconds"], None
    while time.monotonic() < deadline:
        signed = not module.params["signed"] or os.path.exists(CERTIFICATE)
        well_since = (well_since or time.monotonic()) if signed and is_well() else None
        if well_since and time.monotonic() - well_since >= CALM_SECONDS:
            module.exit_json(changed=False)
        time.sleep(0.5)
    missing = "" if not module.params["signed"] or os.path.exists(CERTIFICATE) else (
        " It was given no serving certificate: read `journalctl -u keelyard-kubelet-approver` on the control plane."
    )  # fmt: skip
    module.fail_json(
        msg="The kubelet of %s is not well after %d s.%s\n%s"
        % (module.params["node"], module.params["seconds"], missing, journal(module, ["kubelet"]))
    )


if __name__ == "__main__":
    main()
