#!/usr/bin/python
"""Has the default service account of every namespace give no token to pods."""

from __future__ import annotations

DOCUMENTATION = r"""
module: default_accounts
short_description: Have the default service account of every namespace give no token to pods
description: Pods that run already keep what they were given. Namespaces made later are brought to it by the next run.
options: {}
"""

import json
import os

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.keelyard import PATH, tail

ADMIN = ["kubectl", "--kubeconfig", "/etc/kubernetes/admin.conf"]
PATCH = '{"automountServiceAccountToken":false}'


def giving(listed):
    """The namespaces whose default account gives tokens, out of a list of accounts."""
    return sorted(item["metadata"]["namespace"] for item in listed["items"] if item.get("automountServiceAccountToken") is not False)


def main():
    """Entry point."""
    module = AnsibleModule(argument_spec={}, supports_check_mode=True)
    if module.check_mode and not os.path.exists(ADMIN[2]):
        module.exit_json(changed=True, declared="has default service accounts give no tokens, once there is an API server")
    question = ["get", "serviceaccounts", "--all-namespaces", "--field-selector", "metadata.name=default", "-o", "json"]
    code, out, err = module.run_command([*ADMIN, *question], environ_update={"PATH": PATH})
    if code:
        module.fail_json(msg="The service accounts cannot be read: %s Is the apiserver up? Retry." % tail(err))
    namespaces = giving(json.loads(out))
    for namespace in [] if module.check_mode else namespaces:
        patch = ["-n", namespace, "patch", "serviceaccount", "default", "--type", "merge", "-p", PATCH]
        code, _, err = module.run_command([*ADMIN, *patch], environ_update={"PATH": PATH})
        if code and "NotFound" not in err:
            module.fail_json(msg="The default service account of %s cannot be changed: %s Retry." % (namespace, tail(err)))
    diffs = [
        {"before_header": name + "/default", "after_header": name + "/default", "before": "gives tokens\n", "after": "gives none\n"}
        for name in namespaces
    ]
    module.exit_json(changed=bool(namespaces), namespaces=namespaces, diff=diffs)


if __name__ == "__main__":
    main()
