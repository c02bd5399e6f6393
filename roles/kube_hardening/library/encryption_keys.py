#!/usr/bin/python
"""Makes and changes the keys that secrets are encrypted with in etcd. A key never leaves the node, and never this module's answer."""

from __future__ import annotations

DOCUMENTATION = r"""
module: encryption_keys
short_description: Make and change the keys that secrets are encrypted with in etcd
description: >-
  Changes of a file that the API server reads go through the guard on the node, which puts the old file back when the API does not
  return with the new one.
options:
  state:
    description: >-
      present makes the file with a first key when there is none. added puts a new key second, promoted puts it first, rewritten
      writes every secret anew that lies in etcd under another key than the first, dropped takes the other keys away when no
      secret needs them. added begins a rotation; the states after it go on with the one that was begun.
    type: str
    choices: [present, added, promoted, rewritten, dropped]
    required: true
  address:
    description: Where this node's API server answers.
    type: str
    default: ""
  seconds:
    description: How long the API server may take to come back.
    type: int
    default: 300
"""

import base64
import json
import os
import re
import time

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.keelyard import PATH, tail, write_text
from ansible.module_utils.keelyard_static_pods import change, settle

FILE = "/etc/kubernetes/hardening/encryption.yaml"
MANIFEST = "/etc/kubernetes/manifests/kube-apiserver.yaml"
ADMIN = ["--kubeconfig", "/etc/kubernetes/admin.conf"]
PKI = "/etc/kubernetes/pki/etcd"
ETCDCTL = [
    "etcdctl", "--endpoints=https://127.0.0.1:2379", "--cacert=%s/ca.crt" % PKI,
    "--cert=%s/healthcheck-client.crt" % PKI, "--key=%s/healthcheck-client.key" % PKI,
]  # fmt: skip
MARK = "k8s:enc:secretbox:v1:"
ROUNDS = 5
_KEY = re.compile(r"- name: (\S+)\n\s+secret: (\S+)")


def keys(text):
    """Names and secrets of the keys in a file, in their order."""
    return _KEY.findall(text)


def document(pairs):
    """The file with these keys. `identity` at the end still reads secrets that were written before there were keys."""
    lines = "".join("            - name: %s\n              secret: %s\n" % pair for pair in pairs)
    return (
        "# Written by Keelyard on this node. The keys are here and nowhere else: a copy of etcd cannot be read without them.\n"
        "apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources:\n  - resources:\n      - secrets\n"
        "    providers:\n      - secretbox:\n          keys:\n%s      - identity: {}\n" % lines
    )


def new_key(taken=()):
    """A key under a name that is not taken: the date, and a number for further keys of that day."""
    stem, number = time.strftime("key-%Y%m%d", time.gmtime()), 1
    while "%s-%d" % (stem, number) in taken:
        number += 1
    return "%s-%d" % (stem, number), base64.b64encode(os.urandom(32)).decode("ascii")


def added(pairs):
    """The keys with a new one second; the same when there are two already, since a rotation is under way then."""
    return pairs if len(pairs) > 1 else [*pairs, new_key({name for name, _ in pairs})]


def newest(name):
    """What keys are put in order by: the date and number in their names."""
    day, _, number = name.partition("-")[2].partition("-")
    return day, int(number or 0)


def promoted(pairs):
    """The keys with the newest first."""
    return sorted(pairs, key=lambda pair: newest(pair[0]), reverse=True)


def read():
    """The file, empty when there is none."""
    try:
        with open(FILE, encoding="ascii") as stream:
            return stream.read()
    except FileNotFoundError:
        return ""


def in_use():
    """Whether this node's API server is told to encrypt with the file."""
    try:
        with open(MANIFEST, encoding="utf-8") as stream:
            return "--encryption-provider-config=" + FILE in stream.read()
    except FileNotFoundError:
        return False


def under(value):
    """The name of the key that a value in etcd was encrypted with, empty when it lies there in the clear."""
    head = value[:200].decode("latin-1")
    return head[len(MARK) :].partition(":")[0] if head.startswith(MARK) else ""


def etcd_secrets(module):
    """Every secret in etcd (namespace, name) with the name of the key it is encrypted with."""
    code, container, err = module.run_command(
        ["crictl", "ps", "--state", "running", "--name", "^etcd$", "--quiet"], environ_update={"PATH": PATH}
    )
    if code or not container.strip():
        module.fail_json(msg="etcd's container is not found on this node: %s Is the control plane up? Retry." % tail(err))
    command = ["crictl", "exec", "--sync", container.split()[0], *ETCDCTL, "get", "/registry/secrets/", "--prefix", "--write-out=json"]
    code, out, err = module.run_command(command, environ_update={"PATH": PATH}, encoding=None)
    if code:
        module.fail_json(msg="etcd cannot be read: %s Retry." % tail(err.decode("utf-8", "replace")))
    found = {}
    for entry in json.loads(out).get("kvs", []):
        namespace, name = base64.b64decode(entry["key"]).decode("utf-8").split("/")[3:5]
        found[namespace, name] = under(base64.b64decode(entry["value"]))
    return found


def stale(module, first):
    """The secrets that are not encrypted with a key."""
    return sorted(place for place, name in etcd_secrets(module).items() if name != first)


def kubectl(module, *arguments, data=None):
    """Exit code, output and errors of kubectl. The output may hold secrets: it is never shown."""
    return module.run_command(["kubectl", *ADMIN, *arguments], data=data, environ_update={"PATH": PATH})


def rewrite(module, first):
    """Writes secrets anew until all lie in etcd under the first key; returns how many there were to write."""
    count, err = 0, ""
    for turn in range(ROUNDS):
        left = stale(module, first)
        count = count or len(left)
        if not left or module.check_mode:
            return count
        wanted = set(left)
        code, out, err = kubectl(module, "get", "secrets", "--all-namespaces", "-o", "json")
        if not code:
            items = [item for item in json.loads(out)["items"] if (item["metadata"]["namespace"], item["metadata"]["name"]) in wanted]
            # One that was changed or deleted meanwhile is refused; the next turn finds out what is left.
            kubectl(module, "replace", "-f", "-", data=json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
        time.sleep(min(turn, 1))
    left = stale(module, first)
    if left:
        named = ", ".join("%s/%s" % place for place in left[:5])
        module.fail_json(msg="%d secrets are still not encrypted with the key %s, such as %s. %s Retry." % (len(left), first, named, tail(err)))
    return count


def guarded(module, pairs):
    """Has the guard put the file with these keys in place and start the API server anew."""
    entry = {"path": FILE, "content": document(pairs), "mode": "0600"}
    change(module, [entry], [], ["kube-apiserver"], module.params["address"], module.params["seconds"])


def make_present(module):
    """Makes the file when it is not there. Nothing reads it yet, so no guard is needed."""
    text, mode = read(), os.stat(FILE).st_mode & 0o7777 if os.path.exists(FILE) else 0o600
    if not keys(text):
        if in_use():
            module.fail_json(
                msg="The API server is told to use %s, but the file is gone or has no key. Secrets that were encrypted with it cannot "
                "be read without it: restore it from this node's backup." % FILE
            )
        if not module.check_mode:
            os.makedirs(os.path.dirname(FILE), mode=0o700, exist_ok=True)
            write_text(FILE, document([new_key()]), 0o600)
    elif mode & 0o077 and not module.check_mode:
        os.chmod(FILE, 0o600)
    return not keys(text) or bool(mode & 0o077)


def order(module, pairs, wanted):
    """Brings the keys to another order or number; returns whether they were different."""
    if wanted != pairs and not module.check_mode:
        guarded(module, wanted)
    return wanted != pairs


def turn_to(module, state, pairs):
    """Brings the keys to a state; returns whether something changed, and how many secrets were written anew."""
    if state == "added":
        return order(module, pairs, added(pairs)), 0
    if state == "promoted":
        return order(module, pairs, promoted(pairs)), 0
    if state == "rewritten":
        count = rewrite(module, pairs[0][0])
        return count > 0, count
    left = stale(module, pairs[0][0]) if len(pairs) > 1 else []
    if left and not module.check_mode:
        module.fail_json(msg="%d secrets are still encrypted with an older key, so it is kept. Retry from the rewriting on." % len(left))
    return order(module, pairs, pairs[:1]), 0


def main():
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["present", "added", "promoted", "rewritten", "dropped"], "required": True},
            "address": {"type": "str", "default": ""},
            "seconds": {"type": "int", "default": 300},
        },
        supports_check_mode=True,
    )
    if not module.check_mode:
        settle(module, module.params["seconds"])
    if module.params["state"] == "present":
        module.exit_json(changed=make_present(module))
    pairs = keys(read())
    if not pairs or not in_use():
        module.exit_json(changed=False, encrypted=False, keys=[], rewritten=0)
    changed, count = turn_to(module, module.params["state"], pairs)
    module.exit_json(changed=changed, encrypted=True, keys=[name for name, _ in keys(read())], rewritten=count)


if __name__ == "__main__":
    main()
