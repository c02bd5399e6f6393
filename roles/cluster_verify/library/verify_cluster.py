#!/usr/bin/python
"""Proves that a cluster works: every node Ready, a pod on each, and the pods reach each other, a service and DNS."""

from __future__ import annotations

DOCUMENTATION = r"""
module: verify_cluster
short_description: Prove that a cluster works
description: >-
  Runs a probe on every node in a namespace of its own and removes it again; the cluster is left as it was found. In check mode it
  makes no probe: it reads the state of nodes and of the system's workloads and returns what is not right as C(findings).
options:
  nodes:
    description: Names of the nodes that must be Ready.
    type: list
    elements: str
    required: true
  namespace:
    description: Namespace to use; made and deleted here.
    type: str
    required: true
  manifest:
    description: A daemonset and a service, both named probe, on port 8080 and 80.
    type: str
    required: true
  get:
    description: Command in the probe that fetches the URL appended to it.
    type: list
    elements: str
    required: true
  resolve:
    description: Command in the probe that resolves the name appended to it.
    type: list
    elements: str
    required: true
  dns_domain:
    description: The cluster's DNS domain.
    type: str
    required: true
  timeout_seconds:
    description: How long nodes and pods may take to come up.
    type: int
    default: 300
  kubernetes_version:
    description: The version that the nodes must run, looked at in check mode only; empty means any.
    type: str
    default: ""
"""

import concurrent.futures
import json
import os
import subprocess
import time

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.keelyard import PATH, tail

SYSTEM = ("kube-system", "kube-flannel")


class Cluster:
    """kubectl on the leader, within one namespace, with failures that tell what the pods say."""

    def __init__(self, module):
        self.module = module
        self.namespace = module.params["namespace"]

    def run(self, *arguments, data=None):
        """Exit code, output and errors of kubectl."""
        command = ["kubectl", "--kubeconfig", "/etc/kubernetes/admin.conf", "-n", self.namespace, *arguments]
        environment = {**os.environ, "PATH": PATH}
        done = subprocess.run(command, input=data, capture_output=True, text=True, env=environment, errors="replace")
        return done.returncode, done.stdout, done.stderr

    def must(self, what, *arguments, data=None):
        """kubectl's output; ends the task when it fails."""
        code, out, err = self.run(*arguments, data=data)
        if code:
            self.fail("%s: %s" % (what, tail(err or out, 5)))
        return out

    def fail(self, text):
        """Ends the task with the reason, the state of nodes and pods, and their last events."""
        parts = [text]
        for title, arguments in (
            ("nodes", ["get", "nodes", "-o", "wide"]),
            ("pods that are not running", ["get", "pods", "-A", "-o", "wide", "--field-selector=status.phase!=Running"]),
            ("probe pods", ["get", "pods", "-o", "wide"]),
            ("events", ["get", "events", "-A", "--sort-by=.lastTimestamp"]),
        ):
            _, out, _ = self.run(*arguments)
            if out.strip():
                parts.append("--- %s\n%s" % (title, tail(out, 12)))
        self.clean()
        self.module.fail_json(msg="\n".join(parts))

    def clean(self):
        """Removes the namespace and waits until it is gone; emptied first, because that is several seconds faster."""
        self.run("delete", "daemonset,service", "--all", "--cascade=foreground", "--timeout=60s")
        self.run("delete", "namespace", self.namespace, "--ignore-not-found", "--timeout=120s")


def until(deadline, attempt):
    """Repeats an attempt until it has no complaint or time is up; returns the last complaint, empty on success."""
    while True:
        complaint = attempt()
        if not complaint or time.monotonic() > deadline:
            return complaint
        time.sleep(1)


def check_nodes(cluster, nodes, deadline):
    """All nodes are known and Ready."""

    def attempt():
        code, out, err = cluster.run("get", "nodes", "-o", "json")
        if code:
            return "the apiserver does not answer: " + tail(err, 3)
        ready = {}
        for node in json.loads(out)["items"]:
            states = {each["type"]: each for each in node["status"].get("conditions", [])}
            state = states.get("Ready", {})
            ready[node["metadata"]["name"]] = "" if state.get("status") == "True" else state.get("message", "no status yet")
        absent = [name for name in nodes if name not in ready]
        if absent:  # joins come before this, so waiting would not bring them
            cluster.fail("%s did not join the cluster. Mend what failed there in an earlier phase and retry." % ", ".join(absent))
        waiting = ["%s (%s)" % (name, ready[name]) for name in nodes if ready[name]]
        return "not Ready: " + "; ".join(waiting) if waiting else ""

    complaint = until(deadline, attempt)
    if complaint:
        cluster.fail(complaint + ". Look at kubelet on these nodes (`journalctl -u kubelet`), mend and retry.")


def start_probes(cluster, nodes, deadline):
    """A probe runs on every node; returns the pods as (name, node, address)."""
    cluster.must("the namespace cannot be made", "create", "namespace", cluster.namespace)
    cluster.must("the probes cannot be made", "apply", "-f", "-", data=cluster.module.params["manifest"])
    found = []

    def attempt():
        out = cluster.must("the probes cannot be listed", "get", "pods", "-l", "app=probe", "-o", "json")
        del found[:]
        for pod in json.loads(out)["items"]:
            states = {each["type"]: each["status"] for each in pod["status"].get("conditions", [])}
            if states.get("Ready") == "True":
                found.append((pod["metadata"]["name"], pod["spec"]["nodeName"], pod["status"]["podIP"]))
        waiting = sorted(set(nodes) - {node for _, node, _ in found})
        return "no running pod on " + ", ".join(waiting) if waiting else ""

    complaint = until(deadline, attempt)
    if complaint:
        cluster.fail(complaint + ". The events below say why; mend and retry.")
    return found


def in_pod(cluster, pod, command, argument):
    """Runs a command in a probe; returns why it failed, empty when it did not."""
    code, out, err = cluster.run("exec", pod, "--", *command, argument)
    return tail(err or out or "no output", 3) if code else ""


def peers_of(position, pods):
    """The pods that one pod is to reach: all others in a small cluster, the next three of a ring in a big one."""
    others = pods[position + 1 :] + pods[:position]
    return others if len(pods) <= 4 else others[:3]


def check_traffic(cluster, pods, deadline):
    """Every pod reaches pods on other nodes, the service and a name."""
    get, resolve = cluster.module.params["get"], cluster.module.params["resolve"]
    service = cluster.must("the service cannot be read", "get", "service", "probe", "-o", "jsonpath={.spec.clusterIP}")
    name = "probe.%s.svc.%s" % (cluster.namespace, cluster.module.params["dns_domain"])
    steps = []
    for position, (pod, node, _) in enumerate(pods):
        for _, other, address in peers_of(position, pods):
            steps.append((pod, "pod on %s to pod on %s (%s)" % (node, other, address), get, "http://%s:8080/" % address))
        steps.append((pod, "pod on %s to a service (%s)" % (node, service), get, "http://%s/" % service))
        steps.append((pod, "pod on %s to DNS (%s)" % (node, name), resolve, name))

    def walk(step):
        pod, what, command, argument = step
        complaint = until(deadline, lambda: in_pod(cluster, pod, command, argument))
        return "%s fails: %s" % (what, complaint) if complaint else ""

    with concurrent.futures.ThreadPoolExecutor(max_workers=6) as pool:
        complaints = [complaint for complaint in pool.map(walk, steps) if complaint]
    if complaints:
        cluster.fail("\n".join(complaints[:8]) + "\nLook at the CNI's and kube-proxy's pods on these nodes, mend and retry.")


def node_findings(nodes, wanted, version):
    """What is not right about the nodes: absent, not Ready, another version, unschedulable, or not in the spec."""
    found, known = [], {}
    for node in nodes:
        known[node["metadata"]["name"]] = node
    for name in wanted:
        if name not in known:
            found.append({"subject": name, "problem": "has not joined the cluster"})
            continue
        status = known[name]["status"]
        ready = {each["type"]: each for each in status.get("conditions", [])}.get("Ready", {})
        if ready.get("status") != "True":
            found.append({"subject": name, "problem": "is not Ready: %s" % ready.get("message", "no status yet")})
        actual = status.get("nodeInfo", {}).get("kubeletVersion", "").lstrip("v")
        if version and actual != version:
            found.append({"subject": name, "problem": "runs kubelet %s, the spec says %s" % (actual, version)})
        if known[name]["spec"].get("unschedulable"):
            found.append({"subject": name, "problem": "is cordoned: no new pods are placed on it"})
    strangers = sorted(set(known) - set(wanted))
    return found + [{"subject": name, "problem": "is in the cluster, but not in the spec"} for name in strangers]


def workload_findings(workloads):
    """The daemonsets and deployments of the system whose pods are not all available."""
    found = []
    for each in workloads:
        status, what = each.get("status", {}), "%s %s/%s" % (each["kind"], each["metadata"]["namespace"], each["metadata"]["name"])
        wanted = status.get("desiredNumberScheduled", each["spec"].get("replicas", 0))
        available = status.get("numberAvailable", status.get("availableReplicas", 0)) or 0
        if available < wanted:
            found.append({"subject": what, "problem": "has %d of %d pods available" % (available, wanted)})
    return found


def look(cluster, nodes):
    """Read-only: what is not right in a cluster; nothing is found in one that is not there yet."""
    if not os.path.exists("/etc/kubernetes/admin.conf"):
        return []
    code, out, err = cluster.run("get", "nodes", "-o", "json")
    if code:
        return [{"subject": "apiserver", "problem": "does not answer: %s" % tail(err, 3)}]
    found = node_findings(json.loads(out)["items"], nodes, cluster.module.params["kubernetes_version"])
    code, out, _ = cluster.run("get", "daemonsets,deployments", "-A", "-o", "json")
    workloads = json.loads(out)["items"] if code == 0 else []
    return found + workload_findings([each for each in workloads if each["metadata"]["namespace"] in SYSTEM])


def main():
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "nodes": {"type": "list", "elements": "str", "required": True},
            "namespace": {"type": "str", "required": True},
            "manifest": {"type": "str", "required": True},
            "get": {"type": "list", "elements": "str", "required": True},
            "resolve": {"type": "list", "elements": "str", "required": True},
            "dns_domain": {"type": "str", "required": True},
            "timeout_seconds": {"type": "int", "default": 300},
            "kubernetes_version": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    if module.check_mode:
        module.exit_json(changed=False, findings=look(Cluster(module), module.params["nodes"]))
    cluster, nodes = Cluster(module), module.params["nodes"]
    deadline = time.monotonic() + module.params["timeout_seconds"]
    check_nodes(cluster, nodes, deadline)
    if not cluster.run("get", "namespace", cluster.namespace)[0]:
        cluster.clean()
    pods = start_probes(cluster, nodes, deadline)
    check_traffic(cluster, pods, time.monotonic() + 60)
    cluster.clean()
    module.exit_json(changed=False, nodes=nodes, pods=["%s on %s" % (pod, node) for pod, node, _ in pods])


if __name__ == "__main__":
    main()
