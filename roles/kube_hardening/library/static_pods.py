#!/usr/bin/python
"""Brings a control plane's static pods to a kubeadm configuration; the node itself takes back what does not run."""

from __future__ import annotations

DOCUMENTATION = r"""
module: static_pods
short_description: Bring a control plane's static pods to a kubeadm configuration
description: >-
  Lets kubeadm render the manifests of etcd and the control plane without touching anything, compares them and the given files with
  what is there, and has the guard on the node make the change. The guard puts everything back when the API does not return, also
  when this module or its controller is gone by then.
options:
  configuration:
    description: The documents of the kubeadm configuration.
    type: list
    elements: dict
    required: true
  files:
    description: Files that the API server reads when it starts, each with path, content and mode.
    type: list
    elements: dict
    default: []
  address:
    description: Where this node's API server answers.
    type: str
    required: true
  seconds:
    description: How long the control plane may take to come back.
    type: int
    default: 300
"""

import json
import os
import shutil
import tempfile

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.keelyard import PATH, tail
from ansible.module_utils.keelyard_static_pods import change, differing, settle

MANIFESTS = "/etc/kubernetes/manifests"
PHASES = (["control-plane", "all"], ["etcd", "local"])


def rendered(module, scratch):
    """The manifests as kubeadm makes them of the configuration: component → text."""
    path = os.path.join(scratch, "kubeadm.yaml")
    with open(path, "w", encoding="utf-8") as stream:
        os.fchmod(stream.fileno(), 0o600)
        stream.write("\n---\n".join(json.dumps(document) for document in module.params["configuration"]))
    made = os.path.join(scratch, "manifests")
    os.mkdir(made)
    for phase in PHASES:
        command = ["kubeadm", "init", "phase", *phase, "--config", path, "--dry-run"]
        code, _, err = module.run_command(command, environ_update={"PATH": PATH, "KUBEADM_INIT_DRYRUN_DIR": made})
        if code:
            module.fail_json(msg="kubeadm cannot make the manifests of the control plane: %s" % tail(err))
    found = {}
    for directory, _, names in os.walk(made):
        for name in names:
            with open(os.path.join(directory, name), encoding="utf-8") as stream:
                found[name[: -len(".yaml")]] = stream.read()
    return found


def text(entry):
    """A file of the parameters with a newline at its end and its mode in words that the guard understands."""
    content = entry["content"] if entry["content"].endswith("\n") else entry["content"] + "\n"
    return {"path": entry["path"], "content": content, "mode": str(entry.get("mode", "0600"))}


def main():
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "configuration": {"type": "list", "elements": "dict", "required": True},
            "files": {"type": "list", "elements": "dict", "default": []},
            "address": {"type": "str", "required": True},
            "seconds": {"type": "int", "default": 300},
        },
        supports_check_mode=True,
    )
    seconds = module.params["seconds"]
    if not module.check_mode:
        settle(module, seconds)
    scratch = tempfile.mkdtemp(prefix="keelyard-")
    try:
        manifests = rendered(module, scratch)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    pods = [{"path": "%s/%s.yaml" % (MANIFESTS, name), "content": made, "mode": "0600"} for name, made in sorted(manifests.items())]
    pods = differing(pods)
    files = differing([text(entry) for entry in module.params["files"]])
    components = [os.path.basename(entry["path"])[: -len(".yaml")] for entry in pods if entry["before"] != entry["content"]]
    if (files or pods) and not module.check_mode:
        change(module, files + pods, components, ["kube-apiserver"] if files else [], module.params["address"], seconds)
    module.exit_json(
        changed=bool(files or pods),
        components=components,
        diff=[
            {"before_header": entry["path"], "after_header": entry["path"], "before": entry["before"] or "", "after": entry["content"]}
            for entry in files + pods
        ],
    )


if __name__ == "__main__":
    main()
