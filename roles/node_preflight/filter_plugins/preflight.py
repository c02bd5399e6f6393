"""The verdict over all nodes: what each found, what only shows when they are seen together, and one text for the operator."""

from __future__ import annotations

import datetime
import hashlib
import ipaddress
from pathlib import Path


def _problem(node, check, problem, remedy, severity="error"):
    return {"node": node, "check": check, "severity": severity, "problem": problem, "remedy": remedy}


def _outcome(node, result):
    """Problems of a node whose inspection did not come back."""
    said = str(result.get("msg", "no answer"))
    message = " ".join(said.split()).removeprefix("Task failed: ")[:400]
    if "HOST IDENTIFICATION HAS CHANGED" in said:
        return [
            _problem(
                node, "host-key", "the host key changed: it is not the one that was recorded, so this may be another machine",
                "find out why; if the node was reinstalled on purpose, accept its new key explicitly",
            )
        ]  # fmt: skip
    if result.get("unreachable"):
        return [
            _problem(
                node, "reachable", f"cannot be reached: {message}",
                "check power, address, SSH port, user and key; `ssh` to it from here must work",
            )
        ]  # fmt: skip
    if "problems" not in result:
        return [
            _problem(
                node, "inspection", f"cannot be inspected: {message}",
                "check that python3 is installed and that sudo works for the login user",
            )
        ]  # fmt: skip
    return []


def _duplicates(nodes):
    """Machine ids, host names and addresses that two nodes share."""
    remedies = {
        "machine_id": "remove /etc/machine-id on one of them and run systemd-machine-id-setup",
        "address": "give each node an address of its own, or remove the second entry",
    }
    for key, remedy in remedies.items():
        seen = {}
        for name, node in nodes.items():
            value = node["facts"].get(key) or node["discovered"].get(key)
            if value and value in seen:
                what = key.replace("_", " ")
                yield _problem(name, "duplicates", f"has the same {what} as {seen[value]} ({value})", remedy)
            seen.setdefault(value, name)


def _network(text):
    return ipaddress.ip_network(text, strict=False)


def _ranges(nodes, settings):
    """Overlaps between the pod range, the service range, the nodes' addresses and the routes they already have."""
    ranges = {"pod_cidr": settings["pod_cidr"], "service_cidr": settings["service_cidr"]}
    if _network(ranges["pod_cidr"]).overlaps(_network(ranges["service_cidr"])):
        text = f"pod range {ranges['pod_cidr']} and service range {ranges['service_cidr']} overlap"
        yield _problem("cluster", "ranges", text, "choose ranges that do not overlap")
    for name, node in nodes.items():
        routes = [] if node["ours"] else node["discovered"].get("routes", [])
        for key, text in ranges.items():
            address = node["discovered"].get("address", "")
            if address and ipaddress.ip_address(address) in _network(text):
                yield _problem(name, "ranges", f"its address {address} lies in {key} {text}", f"choose another {key}")
            for route in routes:
                if _network(route["destination"]).overlaps(_network(text)):
                    where = f"{route['destination']} on {route['interface']}"
                    yield _problem(name, "ranges", f"its route {where} overlaps {key} {text}", f"choose another {key}")


def _mtus(nodes):
    sizes = {name: node["discovered"].get("interface", {}).get("mtu") for name, node in nodes.items()}
    known = {size for size in sizes.values() if size}
    if len(known) > 1:
        listing = ", ".join(f"{name} {size}" for name, size in sorted(sizes.items()) if size)
        yield _problem("cluster", "mtu", f"the nodes' MTUs differ ({listing})", "give all nodes the same MTU", "warning")


def _lifetimes(settings):
    """End-of-life Kubernetes and distributions."""
    today = datetime.date.fromisoformat(settings["today"])
    for name, ends in settings["end_of_life"].items():
        if name in settings["uses"] and datetime.date.fromisoformat(ends) < today:
            text = f"{name} has had no fixes since {ends}"
            yield _problem("cluster", "end of life", text, "plan to move to a maintained version", "warning")


def _bundle(settings):
    """Whether the bundle on the controller is there and is the one whose signature was verified."""
    if settings["bundle_wanted"] and settings["bundle_found"] != settings["bundle_wanted"]:
        what = "is not the one that was verified" if settings["bundle_found"] else "cannot be read"
        remedy = "run `keelyard bundle verify` on it, build or copy it again if that fails"
        yield _problem("cluster", "artifacts", f"the bundle at {settings['bundle_path']} {what}", remedy)


def bundle_digest(path):
    """SHA-256 of a bundle's SHA256SUMS, empty when it cannot be read."""
    try:
        return hashlib.sha256((Path(path) / "SHA256SUMS").read_bytes()).hexdigest() if path else ""
    except OSError:
        return ""


def preflight_peers(hosts, hostvars, self_name, ports):
    """The other nodes that were inspected, with the address and the ports to probe."""
    peers = []
    for host in hosts:
        inspection, discovered = (hostvars[host].get(name) or {} for name in ("node_preflight_inspection", "discover_node"))
        if host == self_name or "problems" not in inspection or not discovered.get("address"):
            continue
        for_everyone = [6443] if host in ports["control_planes"] else []
        peers.append(
            {
                "name": host,
                "address": discovered["address"],
                "mtu": discovered["interface"]["mtu"],
                # A hardened node opens what is for nodes alone when it is hardened again, with this one among them.
                "tcp": for_everyone if inspection.get("guarded") else [*for_everyone, 10250],
                # A node of ours already has flannel's kernel socket on the UDP port, which answers no probe.
                "udp": [] if inspection["ours"] or inspection.get("guarded") else ports["udp"],
            }
        )
    return peers


def preflight_report(inspections, probes, discovered, settings):
    """All problems of all nodes.

    `inspections` and `probes` map a node to what `preflight_node` and `preflight_probe` returned, `discovered` to what
    `node_facts` did. `settings` carries the ranges, the catalogue of ends of life, `uses` (what of it this cluster uses),
    `control_planes` and `today`. Returns {"problems": [...], "nodes": {...}}.
    """
    problems = []
    if len(settings["control_planes"]) != 1:
        text = f"asks for {len(settings['control_planes'])} control planes"
        problems.append(_problem("cluster", "topology", text, "ask for exactly one; more cannot be provisioned yet"))
    nodes = {}
    for name, result in inspections.items():
        problems += _outcome(name, result)
        problems += [{"node": name, **found} for found in result.get("problems", [])]
        problems += [{"node": name, **found} for found in probes.get(name, {}).get("problems", [])]
        if "problems" in result:
            known = discovered.get(name, {})
            nodes[name] = {"facts": result["facts"], "ours": result["ours"], "discovered": known}
    for check in (_bundle(settings), _duplicates(nodes), _ranges(nodes, settings), _mtus(nodes), _lifetimes(settings)):
        problems += check
    return {"problems": problems, "nodes": {name: node["facts"] for name, node in nodes.items()}}


def preflight_text(report, severity="error"):
    """The problems of one severity as lines for the operator: node, what is wrong, what to do."""
    return [
        f"{found['node']}: {found['check']}: {found['problem']} -> {found['remedy']}"
        for found in report["problems"]
        if found["severity"] == severity
    ]


def preflight_message(report):
    """What the failing task says: how many problems, then each on a line of its own."""
    lines = preflight_text(report)
    return "\n".join([f"{len(lines)} problem(s) must be mended first; nothing was changed.", *lines])


class FilterModule:
    """Registers the filters."""

    def filters(self):
        """Filter name → function."""
        return {
            "bundle_digest": bundle_digest,
            "preflight_message": preflight_message,
            "preflight_peers": preflight_peers,
            "preflight_report": preflight_report,
            "preflight_text": preflight_text,
        }
