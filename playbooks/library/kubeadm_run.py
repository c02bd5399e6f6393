#!/usr/bin/python
"""Runs kubeadm with a configuration file and tells what went wrong without telling secrets."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kubeadm_run
short_description: Run kubeadm init, join or reset with a configuration file
description: >-
  Passes the configuration through C(kubeadm config validate), runs kubeadm, redacts tokens and keys from its output, and on
  failure adds the last journal lines of kubelet and containerd.
options:
  verb:
    description: What to run.
    type: str
    required: true
    choices: [init, join, reset]
  config:
    description: Path of the configuration on the node.
    type: str
    required: true
  content:
    description: What to write there first, when nothing secret is in it; empty when the file is there already.
    type: str
    default: ""
  skip_phases:
    description: Phases to leave out.
    type: list
    elements: str
    default: []
  remove_config:
    description: Remove the configuration afterwards, whatever happens; it carries a token when joining.
    type: bool
    default: false
  also_remove:
    description: Further files to remove with it, such as a kubeconfig it names.
    type: list
    elements: str
    default: []
"""

import fcntl
import os
import shutil
import time

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.keelyard import PATH, journal, redact, tail, write_text

REMEDIES = {
    "init": "Mend what kubeadm names above and retry; what is already done is kept.",
    "join": "Check that the node reaches the control plane on port 6443, mend what kubeadm names above and retry.",
    "reset": "Mend what kubeadm names above and retry.",
}

FORETOLD = {
    "init": "runs kubeadm init: certificates, kubeconfigs, etcd and the control plane's static pods, CoreDNS, kube-proxy",
    "join": "runs kubeadm join: the kubelet gets its configuration and certificate, and the node joins the cluster",
    "reset": "runs kubeadm reset: clears what a join that died left behind",
}


def run(module, *arguments):
    """Runs kubeadm; returns exit code and redacted output."""
    code, out, err = module.run_command(["kubeadm", *arguments], environ_update={"PATH": PATH})
    return code, redact((out + "\n" + err).strip())


def alone(module):
    """Waits until no other kubeadm of ours runs, such as one whose run was killed on the controller; returns the lock."""
    lock = open("/run/keelyard-kubeadm.lock", "w")
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
        except OSError:
            time.sleep(1)
    module.fail_json(msg="Another kubeadm has been running on this node for 5 minutes. Wait for it or end it, then retry.")


def phases_to_skip(module):
    """The phases that are left out. An init that died is taken up again: kubeadm keeps the certificates and files that are
    there, only its check for an empty node would object to them.
    """
    skip = list(module.params["skip_phases"])
    if module.params["verb"] == "init" and os.path.exists("/etc/kubernetes/admin.conf"):
        skip.append("preflight")
    return skip


def forget_network(module):
    """Removes the pods' interfaces and leases. A node that joins again gets another pod range, which an old bridge would refuse."""
    for link in ("cni0", "flannel.1"):
        module.run_command(["ip", "link", "delete", link], environ_update={"PATH": PATH})
    for directory in ("/var/lib/cni", "/run/flannel"):
        shutil.rmtree(directory, ignore_errors=True)


def main():
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "verb": {"type": "str", "required": True, "choices": ["init", "join", "reset"]},
            "config": {"type": "str", "required": True},
            "content": {"type": "str", "default": ""},
            "skip_phases": {"type": "list", "elements": "str", "default": []},
            "remove_config": {"type": "bool", "default": False},
            "also_remove": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    verb, config = module.params["verb"], module.params["config"]
    if module.check_mode:
        module.exit_json(changed=True, declared=FORETOLD[verb])
    lock = alone(module)
    try:
        if module.params["content"]:
            write_text(config, module.params["content"], 0o600)
        code, output = run(module, "config", "validate", "--config", config)
        if code:
            module.fail_json(msg="kubeadm does not accept %s:\n%s" % (config, tail(output)), output=output)
        arguments = [verb, "--config", config]
        skip = phases_to_skip(module)
        if skip:
            arguments += ["--skip-phases", ",".join(skip)]
        code, output = run(module, *arguments)
        if code:
            module.fail_json(
                msg="kubeadm %s failed:\n%s\n%s\n%s"
                % (verb, tail(output), REMEDIES[verb], journal(module, ["kubelet", "containerd"])),
                output=output,
            )
        if verb == "reset":
            forget_network(module)
        module.exit_json(changed=True, output=output)
    finally:
        lock.close()
        if module.params["remove_config"]:
            for path in filter(os.path.exists, [config, *module.params["also_remove"]]):
                os.unlink(path)


if __name__ == "__main__":
    main()
