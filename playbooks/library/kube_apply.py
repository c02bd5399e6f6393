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

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.keelyard import PATH, tail

SERVER_SIDE = ["--server-side", "--force-conflicts", "--field-manager", "keelyard", "-f", "-"]


def kubectl(module, arguments, manifest=None):
    """Runs kubectl as the cluster's administrator; returns exit code, output and errors."""
    command = ["kubectl", "--kubeconfig", "/etc/kubernetes/admin.conf", *arguments]
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
    code, difference, err = kubectl(module, ["diff", *SERVER_SIDE], manifest)
    if code > 1 and "NotFound" not in err and "not found" not in err:
        module.fail_json(msg="The manifest cannot be compared with the cluster: %s" % tail(err))
    changed = code != 0
    if changed and not module.check_mode:
        code, out, err = kubectl(module, ["apply", *SERVER_SIDE], manifest)
        if code:
            module.fail_json(msg="The manifest cannot be applied: %s" % tail(err))
    if not module.check_mode:
        await_rollouts(module)
    module.exit_json(changed=changed, diff={"prepared": difference})


if __name__ == "__main__":
    main()
