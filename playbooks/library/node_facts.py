#!/usr/bin/python
"""Reads what Keelyard needs to know about a node. Changes nothing."""

from __future__ import annotations

DOCUMENTATION = r"""
module: node_facts
short_description: Read what Keelyard needs to know about a node
description: One round trip instead of a fact gathering; reads files and asks the local apiserver for its health.
options:
  address:
    description: Address the controller reaches the node at.
    type: str
    required: true
  internal_address:
    description: Address the other nodes are to use; empty means find out.
    type: str
    default: ""
"""

import ipaddress
import os
import platform
import re
import shutil
import socket
import ssl
import struct
import subprocess
import urllib.request

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.keelyard import IDENTITY, PATH, read_json
from ansible.module_utils.keelyard_certificates import expiries


def read(path):
    """A file's text without surrounding blanks, empty when it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read().strip()
    except OSError:
        return ""


def os_release():
    """The node's distribution: id, version and Ansible's word for the family."""
    values = {}
    for line in read("/etc/os-release").splitlines():
        key, _, value = line.partition("=")
        values[key] = value.strip("\"'")
    like = (values.get("ID", "") + " " + values.get("ID_LIKE", "")).split()
    family = "Debian" if "debian" in like else "RedHat" if {"rhel", "fedora"} & set(like) else "unknown"
    return {
        "id": values.get("ID", ""),
        "version": values.get("VERSION_ID", ""),
        "name": values.get("PRETTY_NAME", ""),
        "codename": values.get("VERSION_CODENAME", ""),
        "family": family,
    }


def default_source():
    """The source address of the default route, empty without one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("198.51.100.1", 9))
            return probe.getsockname()[0]
        except OSError:
            return ""


def is_local(address):
    """Whether an address is one of the node's own."""
    try:
        family = socket.AF_INET6 if ipaddress.ip_address(address).version == 6 else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
            return True
    except (OSError, ValueError):
        return False


def node_address(wanted, reached_at):
    """The address of the node inside its own network, and a name resolved on the way when that is what was given."""
    for candidate in (wanted, reached_at):
        try:
            candidate = socket.gethostbyname(candidate) if candidate else ""
        except OSError:
            continue
        if candidate and is_local(candidate):
            return candidate
    return wanted or default_source() or reached_at


def interface_of(address):
    """Name and MTU of the interface that carries an address."""
    out = subprocess.run(["ip", "-o", "addr", "show", "to", address], capture_output=True, text=True, env={"PATH": PATH})
    fields = out.stdout.split()
    name = fields[1].partition("@")[0] if len(fields) > 1 else ""
    return {"name": name, "mtu": int(read("/sys/class/net/%s/mtu" % name) or 1500) if name else 1500}


def routes():
    """Destinations of the node's IPv4 routes with their interfaces, without the default route."""
    found = []
    for line in read("/proc/net/route").splitlines()[1:]:
        interface, destination, _, flags, _, _, _, mask = line.split()[:8]
        prefix = bin(int(mask, 16)).count("1")
        if prefix and int(flags, 16) & 1:
            network = socket.inet_ntoa(struct.pack("<L", int(destination, 16)))
            found.append({"interface": interface, "destination": "%s/%d" % (network, prefix)})
    return found


def cgroup_version():
    """2 when the unified hierarchy rules, else 1."""
    return 2 if os.path.exists("/sys/fs/cgroup/cgroup.controllers") else 1


def apiserver_is_ready(address):
    """Whether an apiserver on this node says it is ready; read without credentials, so the certificate is not checked."""
    if not os.path.exists("/etc/kubernetes/manifests/kube-apiserver.yaml"):
        return False
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    try:
        with opener.open("https://%s:6443/readyz" % address, timeout=3) as answer:
            return answer.status == 200
    except OSError:
        return False


def kubelet_version():
    """The kubelet's version without its v, empty when none is installed."""
    for path in ("/usr/local/bin/kubelet", "/usr/bin/kubelet"):
        if os.path.exists(path):
            out = subprocess.run([path, "--version"], capture_output=True, text=True)
            match = re.search(r"v(\S+)", out.stdout)
            return match.group(1) if match else ""
    return ""


def main():
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "address": {"type": "str", "required": True},
            "internal_address": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    address = node_address(module.params["internal_address"], module.params["address"])
    resolvers = [line.split()[1] for line in read("/etc/resolv.conf").splitlines() if re.match(r"nameserver\s+\S", line)]
    module.exit_json(
        changed=False,
        hostname=socket.gethostname(),
        machine_id=read("/etc/machine-id"),
        kernel=platform.release(),
        architecture=platform.machine(),
        os=os_release(),
        address=address,
        interface=interface_of(address),
        routes=routes(),
        cgroup_version=cgroup_version(),
        has_resolver=bool(resolvers),
        has_network_manager=os.path.isdir("/etc/NetworkManager") and os.path.exists("/usr/sbin/NetworkManager"),
        identity=read_json(IDENTITY, {}),
        has_admin_conf=os.path.exists("/etc/kubernetes/admin.conf"),
        is_initialised=os.path.exists("/etc/keelyard/initialised"),
        has_kubeadm=bool(shutil.which("kubeadm", path=PATH)),
        has_kubelet_conf=os.path.exists("/etc/kubernetes/kubelet.conf"),
        has_kubelet_config=os.path.exists("/var/lib/kubelet/config.yaml"),
        apiserver_ready=apiserver_is_ready(address),
        kubelet_version=kubelet_version(),
        certificates=expiries(),
    )


if __name__ == "__main__":
    main()
