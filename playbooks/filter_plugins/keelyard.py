"""Filters that look at several nodes at once."""

from __future__ import annotations

import json


def gathered(hosts, hostvars, name):
    """Host → its value of a registered variable, for the hosts that have one and were reached."""
    found = {}
    for host in hosts:
        value = hostvars[host].get(name) if host in hostvars else None
        if value and not value.get("unreachable") and not value.get("failed"):
            found[host] = value
    return found


def outcomes(hosts, hostvars, name, otherwise=""):
    """Host → its registered result, unreachable and failed ones included; where the task was skipped, that of another one."""
    found = {}
    for host in (host for host in hosts if host in hostvars):
        result = hostvars[host].get(name) or {"msg": "was not asked"}
        if otherwise and result.get("skipped"):
            result = hostvars[host].get(otherwise) or result
        found[host] = result
    return found


def addresses(hosts, hostvars, name):
    """Host → its address in the nodes' network: the discovered one, or where Keelyard reaches it while it does not answer."""
    return {
        host: (hostvars[host].get(name) or {}).get("address") or hostvars[host].get("ansible_host", host)
        for host in hosts
        if host in hostvars
    }


def choose_leader(control_planes, discovered, cluster_id):
    """The control plane that the others follow: one that serves already, else one that was initialised, else the first by name.

    There is no first control plane in the inventory: any of them may be replaced.
    """
    reached = sorted(name for name in control_planes if name in discovered)
    ours = [name for name in reached if discovered[name]["identity"].get("cluster_id") == cluster_id]
    initialised = [name for name in ours if discovered[name]["is_initialised"] and discovered[name]["has_admin_conf"]]
    serving = [name for name in initialised if discovered[name]["apiserver_ready"]]
    return (serving or initialised or reached or sorted(control_planes) or [""])[0]


def joined_before(hosts, hostvars):
    """The hosts that have a kubelet's credentials, by what was discovered of them."""
    return [host for host in hosts if (hostvars[host].get("discover_node") or {}).get("has_kubelet_conf")]


def node_reports(discovered, directory):
    """One file per node with what the engine records about it, in the shape `managed_files` takes."""
    return [
        {
            "path": f"{directory}/nodes/{name}.json",
            "mode": "0600",
            "content": json.dumps(
                {
                    "machine_id": node["machine_id"],
                    "hostname": node["hostname"],
                    "address": node["address"],
                    "kernel": node["kernel"],
                    "os": node["os"]["name"],
                    "cgroup_version": node["cgroup_version"],
                    "kubelet_version": node["kubelet_version"],
                    "certificates": node["certificates"],
                },
                indent=1,
            ),
        }
        for name, node in discovered.items()
    ]


class FilterModule:
    """Registers the filters."""

    def filters(self):
        """Filter name → function."""
        return {
            "addresses": addresses,
            "gathered": gathered,
            "outcomes": outcomes,
            "choose_leader": choose_leader,
            "joined_before": joined_before,
            "node_reports": node_reports,
        }
