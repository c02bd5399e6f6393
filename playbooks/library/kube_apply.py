#!/usr/bin/python
"""Applies a manifest by server-side apply when the cluster differs from it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kube_apply
short_description: Apply a manifest when the cluster differs from it
description: Compares by C(kubectl diff --server-side) first, so an unchanged cluster is reported as unchanged.
options:
  manifest:
    description: The manifest, YAML.
    type: str
    required: true
  rollout:
    description: Workloads to wait for, each as "namespace kind/name".
    type: list
    elements: str
    default: []
  timeout_seconds:
    description: How long to wait for each rollout.
    type: int
    default: 240
"""

import os
import re
import shutil

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.keelyard import PATH, tail

BOOKKEEPING = re.compile(r"[ +-]\s*(resourceVersion|generation|uid|creationTimestamp):")
ADMIN = "/etc/kubernetes/admin.conf"
SERVER_SIDE = ["--server-side", "--force-conflicts", "--field-manager", "keelyard", "-f", "-"]


def kubectl(module, arguments, manifest=None):
    """Runs kubectl as the cluster's administrator; returns exit code, output and errors."""
    command = ["kubectl", "--kubeconfig", ADMIN, *arguments]
    return module.run_command(command, data=manifest, environ_update={"PATH": PATH})


def await_rollouts(module):
    """Waits for every workload; ends the task with the pods' events when one does not come up."""
    for entry in module.params["rollout"]:
        namespace, workload = entry.split()
        timeout = "--timeout=%ds" % module.params["timeout_seconds"]
        code, out, err = kubectl(module, ["-n", namespace, "rollout", "status", workload, timeout])
        if code:
            _, pods, _ = kubectl(module, ["-n", namespace, "get", "pods", "-o", "wide"])
            _, events, _ = kubectl(module, ["-n", namespace, "get", "events", "--sort-by=.lastTimestamp"])
            module.fail_json(
                msg="%s in namespace %s did not come up: %s\n%s\n%s\nMend what the events name and retry."
                % (workload, namespace, tail(err or out, 3), tail(pods), tail(events, 12))
            )


def objects(manifest):
    """The objects of a manifest as "Kind name", as far as a glance at its text tells."""
    found = []
    for document in re.split(r"(?m)^---\s*$", manifest):
        kind, name = re.search(r"(?m)^kind: *(\S+)", document), re.search(r"\bname: *([\w.-]+)", document)
        if kind:
            found.append(("%s %s" % (kind.group(1), name.group(1) if name else "")).strip())
    return found


def differing(difference):
    """The objects that differ, as kubectl names them: version.kind.namespace.name."""
    return re.findall(r"(?m)^diff -u.*/(\S+)$", difference)


def readable(difference):
    """kubectl's diff without what differs from run to run: its temporary files' names and times, the server's bookkeeping."""
    lines = []
    for line in difference.splitlines():
        if line.startswith(("diff -u", "+++ ")) or BOOKKEEPING.match(line):
            continue
        if line.startswith("--- "):
            line = "--- " + os.path.basename(line[4:].split("\t")[0])
        lines.append(line)
    return "\n".join(lines)


def main():
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "manifest": {"type": "str", "required": True},
            "rollout": {"type": "list", "elements": "str", "default": []},
            "timeout_seconds": {"type": "int", "default": 240},
        },
        supports_check_mode=True,
    )
    manifest = module.params["manifest"]
    declared = {}
    if module.check_mode:
        declared["declared"] = "applies " + ", ".join(objects(manifest))
        if not os.path.exists(ADMIN) or not shutil.which("kubectl", path=PATH):
            module.exit_json(changed=True, **declared)
    code, difference, err = kubectl(module, ["diff", *SERVER_SIDE], manifest)
    if code > 1 and "NotFound" not in err and "not found" not in err and not module.check_mode:
        module.fail_json(msg="The manifest cannot be compared with the cluster: %s" % tail(err))
    changed = code != 0
    if changed and not module.check_mode:
        code, out, err = kubectl(module, ["apply", *SERVER_SIDE], manifest)
        if code:
            module.fail_json(msg="The manifest cannot be applied: %s" % tail(err))
    if not module.check_mode:
        await_rollouts(module)
    # Where objects cannot be compared, such as those of a namespace that is not there yet, the manifest says what is to come.
    answer = dict(declared) if code > 1 else {"reasons": differing(difference)}
    module.exit_json(changed=changed, diff={"prepared": readable(difference)}, **answer)


if __name__ == "__main__":
    main()
