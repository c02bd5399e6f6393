#!/usr/bin/python
"""Looks at one node before anything is changed on it: collects facts and problems, and opens short-lived listeners."""

from __future__ import annotations

DOCUMENTATION = r"""
module: preflight_node
short_description: Look at a node before anything is changed on it
description: Reads, measures the disk with a temporary file that it removes, and opens listeners that close by themselves.
options:
  wanted:
    description: What the node is to become (role, os_type, cluster_id, kubernetes_version, lab, address, ports and so on).
    type: dict
    required: true
  listen_seconds:
    description: Life of the listeners that the other nodes' probes connect to; 0 opens none.
    type: int
    default: 90
"""

import os
import platform
import re
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.keelyard import IDENTITY, PATH, read_json
from ansible.module_utils.keelyard_net import end_listeners, listen

OS_TYPES = {
    "debian12": ("debian", "12"),
    "debian13": ("debian", "13"),
    "ubuntu22": ("ubuntu", "22"),
    "rocky9": ("rocky", "9"),
    "rhel9": ("rhel", "9"),
}
CONTROL_PLANE_PORTS = [6443, 2379, 2380, 10250, 10257, 10259]
WORKER_PORTS = [10250, 10256]
MIB = 1 << 20


class Findings:
    """Collects problems; each is what, why and what to do."""

    def __init__(self):
        self.problems = []

    def error(self, check, problem, remedy):
        """Something that forbids going on."""
        self.problems.append({"check": check, "severity": "error", "problem": problem, "remedy": remedy})

    def warn(self, check, problem, remedy):
        """Something the operator should know."""
        self.problems.append({"check": check, "severity": "warning", "problem": problem, "remedy": remedy})


def read(path):
    """A file's text, empty when it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read().strip()
    except OSError:
        return ""


def check_system(found, wanted, facts):
    """Distribution, architecture, kernel, privileges, tools."""
    release = dict(line.split("=", 1) for line in read("/etc/os-release").splitlines() if "=" in line)
    actual = release.get("ID", "").strip('"'), release.get("VERSION_ID", "").strip('"')
    expected = OS_TYPES.get(wanted["os_type"])
    facts["os"] = " ".join(actual)
    if expected is None:
        found.error("os", "os_type %s is not known" % wanted["os_type"], "use one of " + ", ".join(OS_TYPES))
    elif actual[0] != expected[0] or actual[1].partition(".")[0] != expected[1]:
        found.error(
            "os", "runs %s %s but was declared %s" % (*actual, wanted["os_type"]), "correct os_type, or reinstall the node"
        )
    if platform.machine() != "x86_64":
        found.error("architecture", "is %s" % platform.machine(), "use x86_64 (amd64) nodes")
    version = tuple(int(part) for part in re.findall(r"\d+", platform.release())[:2])
    if version < (4, 19):
        found.error("kernel", "runs kernel %s" % platform.release(), "upgrade the kernel to 4.19 or newer")
    if os.geteuid() != 0:
        found.error("privileges", "commands do not run as root", "log in as root or give the user sudo rights")
    for tool in ("systemctl", "ip", "iptables", "mount", "nsenter", "modprobe", "openssl"):
        if not shutil.which(tool, path=PATH) and (wanted["artifacts_source"] == "bundle" or tool in ("systemctl", "ip")):
            found.error("tools", "%s is not installed" % tool, "install the package that provides %s" % tool)


def check_resources(found, wanted, facts):
    """Memory, processors, disk space, swap, control groups."""
    total = int(re.search(r"MemTotal:\s+(\d+)", read("/proc/meminfo")).group(1)) * 1024 // MIB
    cores = len(os.sched_getaffinity(0))
    is_control_plane = wanted["role"] == "control-plane"
    if total < (1700 if is_control_plane else 700):
        needs = 1700 if is_control_plane else 700
        found.error("memory", "has %d MiB, needs %d" % (total, needs), "give the node more memory")
    if is_control_plane and cores < 2:
        found.error("cpu", "has %d processor, a control plane needs 2" % cores, "give the node more processors")
    free = min(shutil.disk_usage(existing(path)).free // MIB for path in ("/var/lib/containerd", "/var/lib/kubelet", "/usr/local"))
    if free < 3072:
        found.error("disk", "has %d MiB free for images and binaries, needs 3072" % free, "free space under /var/lib and /usr")
    elif free < 10240:
        found.warn("disk", "has only %d MiB free under /var/lib" % free, "give /var/lib 10 GiB or more for images")
    swaps = [line.split()[0] for line in read("/proc/swaps").splitlines()[1:]]
    if swaps and not wanted["lab"]:
        found.warn("swap", "swap is on (%s)" % ", ".join(swaps), "nothing to do: preparation turns it off")
    version = 2 if os.path.exists("/sys/fs/cgroup/cgroup.controllers") else 1
    minor = int(wanted["kubernetes_version"].split(".")[1])
    if version == 1 and minor >= 35 and not wanted["lab"]:
        found.error(
            "cgroups",
            "runs on cgroup v1, which Kubernetes 1.%d refuses" % minor,
            "boot with systemd.unified_cgroup_hierarchy=1 (EL 9 and Debian 12 do so by default)",
        )
    if version == 2:
        lacking = {"cpu", "cpuset", "memory", "pids"} - set(read("/sys/fs/cgroup/cgroup.controllers").split())
        if lacking:
            found.error("cgroups", "lacks cgroup controllers " + ", ".join(sorted(lacking)), "enable them in the kernel")
    facts.update(memory_mib=total, cores=cores, disk_free_mib=free, cgroup_version=version, swap=swaps)


def existing(path):
    """The nearest directory on the way to a path that exists."""
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    return path


def check_disk_latency(found, wanted, facts):
    """How long etcd would wait for its disk: 40 small appends, each synced, in a file that is removed."""
    if wanted["role"] != "control-plane":
        return
    path = os.path.join(existing("/var/lib/etcd"), ".keelyard-fsync-%d" % os.getpid())
    times, block = [], b"k" * 2300
    try:
        with open(path, "wb", buffering=0) as stream:
            until = time.monotonic() + 3
            while len(times) < 40 and time.monotonic() < until:
                before = time.monotonic()
                stream.write(block)
                os.fdatasync(stream.fileno())
                times.append(time.monotonic() - before)
    except OSError as reason:
        found.error("etcd disk", "cannot write under /var/lib: %s" % reason, "make /var/lib writable")
        return
    finally:
        if os.path.exists(path):
            os.unlink(path)
    times.sort()
    median, worst = times[len(times) // 2] * 1000, times[-1 - len(times) // 100] * 1000
    facts["fsync_median_ms"], facts["fsync_p99_ms"] = round(median, 2), round(worst, 2)
    if median > 100 and not wanted["lab"]:
        found.error("etcd disk", "a synced write takes %.0f ms (median)" % median, "put /var/lib/etcd on a faster disk (SSD)")
    elif worst > 50:
        found.warn("etcd disk", "a synced write takes up to %.0f ms" % worst, "etcd wants 10 ms or less at the 99th percentile")


def check_ownership(found, wanted, facts):
    """Whether the node belongs to another cluster, another tool, or to Keelyard itself. Returns whether it is ours."""
    identity, machine = read_json(IDENTITY, {}), read("/etc/machine-id")
    owner = identity.get("cluster_id", "")
    ours = owner == wanted["cluster_id"]
    facts.update(machine_id=machine, hostname=socket.gethostname(), belongs_to=owner)
    reset = "deprovision that cluster first, or take another node"
    if owner and not ours:
        found.error("ownership", "belongs to cluster %s (%s)" % (identity.get("cluster_name", "?"), owner), reset)
    elif not owner:
        traces = [path for path in ("/etc/kubernetes/kubelet.conf", "/var/lib/etcd/member", "/etc/rancher") if os.path.exists(path)]
        names = {read("/proc/%s/comm" % pid) for pid in os.listdir("/proc") if pid.isdigit()}
        traces += sorted(names & {"kubelet", "etcd", "k3s", "rke2", "k0s", "microk8s", "kube-apiserver"})
        if traces:
            found.error("ownership", "carries a Kubernetes that Keelyard did not make (%s)" % ", ".join(traces), reset)
    if not machine:
        found.error("machine id", "has no /etc/machine-id", "run systemd-machine-id-setup on the node")
    if wanted["machine_id"] and machine and machine != wanted["machine_id"]:
        found.error(
            "machine id",
            "is not the machine that was recorded (%s, now %s)" % (wanted["machine_id"], machine),
            "check the address; if the node was reinstalled on purpose, remove it from the cluster and add it again",
        )
    if machine and machine == wanted["controller_machine_id"]:
        found.error("keelyard host", "is the machine Keelyard itself runs on", "take another node")
    addresses = re.findall(r"inet6? ([0-9a-f.:]+)", subprocess.run(["ip", "addr"], capture_output=True, text=True).stdout)
    shared = sorted(set(addresses) & set(wanted["forbidden_addresses"]) - {"127.0.0.1", "::1"})
    if shared:
        found.error("keelyard host", "has Keelyard's own address %s" % ", ".join(shared), "take another node")
    return ours


def check_ports(found, wanted, ours):
    """Whether the ports that Kubernetes needs are free; a node of ours uses them rightly. Returns the free ones."""
    free = []
    for port in CONTROL_PLANE_PORTS if wanted["role"] == "control-plane" else WORKER_PORTS:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("0.0.0.0", port))
                free.append(port)
            except OSError:
                if ours:
                    continue
                found.error("ports", "port %d/tcp is in use" % port, "stop what listens there (`ss -ltnp sport = :%d`)" % port)
    return free


def check_names(found, wanted, facts):
    """The node's own name and its resolver."""
    if not re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*", wanted["name"]):
        found.error("name", "%r is not a valid host name" % wanted["name"], "use lower-case letters, digits and hyphens")
    try:
        if not socket.gethostbyname("localhost").startswith("127."):
            found.error("names", "localhost does not resolve to 127.0.0.1", "restore localhost in /etc/hosts")
    except OSError:
        found.error("names", "localhost does not resolve", "add `127.0.0.1 localhost` to /etc/hosts")
    facts["has_resolver"] = bool(re.search(r"(?m)^nameserver\s+\S", read("/etc/resolv.conf")))


def check_clock(found, wanted, facts):
    """The node's clock against the controller's; nodes against nodes is measured by the probes."""
    facts["clock_ahead_seconds"] = round(time.time() - wanted["controller_time"], 1)
    if not -60 < facts["clock_ahead_seconds"] < 60 + 120:
        found.error(
            "clock", "is %.0f s off the controller's clock" % facts["clock_ahead_seconds"], "start chrony or set the clock"
        )


def check_repositories(found, wanted):
    """Whether the package repositories answer, when packages come from them."""
    for url in wanted["repositories"]:
        try:
            urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=8).close()
        except urllib.error.HTTPError as answer:
            if answer.code >= 500 or answer.code == 404:
                found.error("artifacts", "%s answers %d" % (url, answer.code), "check the version, or provision from a bundle")
        except (OSError, ValueError) as reason:
            found.error("artifacts", "%s cannot be reached: %s" % (url, reason), "open the way, set a proxy, or use a bundle")


def main():
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "wanted": {"type": "dict", "required": True},
            "listen_seconds": {"type": "int", "default": 90},
        },
        supports_check_mode=True,
    )
    wanted, found, facts = module.params["wanted"], Findings(), {}
    end_listeners()
    check_clock(found, wanted, facts)
    check_system(found, wanted, facts)
    check_resources(found, wanted, facts)
    check_names(found, wanted, facts)
    check_repositories(found, wanted)
    ours = check_ownership(found, wanted, facts)
    if not ours and not module.check_mode:  # it writes
        check_disk_latency(found, wanted, facts)
    free, listener = check_ports(found, wanted, ours), 0
    if module.params["listen_seconds"]:
        # Where Kubernetes runs already its own ports answer the probes; elsewhere the listener stands in for it.
        listener = listen(sorted(set(free) & {6443, 10250}), wanted["udp_ports"], module.params["listen_seconds"])
    # Hardened before: its firewall lets a new node in once it is told of it, which comes after these checks.
    guarded = os.path.exists("/etc/keelyard/firewall.nft")
    module.exit_json(changed=False, ours=ours, guarded=guarded, facts=facts, problems=found.problems, listener=listener)


if __name__ == "__main__":
    main()
