#!/usr/bin/python
"""Looks, in one round trip, at what the hardening items depend on."""

from __future__ import annotations

DOCUMENTATION = r"""
module: hardening_facts
short_description: Read what the hardening items depend on
description: Packages, units, SSH ports, other firewalls, wireless interfaces, IPv6 routes. Changes nothing.
options:
  packages:
    description: Packages to look for.
    type: list
    elements: str
    default: []
  ssh_port:
    description: The port Keelyard comes in by; taken when the SSH server's own ports cannot be told.
    type: int
    default: 22
"""

import glob
import json
import os
import re

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.keelyard import PATH

OWN_TABLE = ("inet", "keelyard")
BOOT_FILES = ("/boot/grub/grub.cfg", "/boot/grub2/grub.cfg", "/boot/grub2/grubenv", "/boot/grub2/user.cfg")
HOOKS = ("input", "forward")


def run(module, *command):
    """Output of a command, empty when it fails or is not there."""
    try:
        code, out, _ = module.run_command(list(command), environ_update={"PATH": PATH, "LC_ALL": "C"}, handle_exceptions=False)
    except OSError:
        return ""
    return out if code == 0 else ""


def installed(module, names):
    """Those of the packages that are installed."""
    if os.path.exists("/var/lib/dpkg/status"):
        # dpkg-query fails when one of many is unknown, and still tells about the others.
        _, out, _ = module.run_command(
            ["dpkg-query", "-W", "-f", "${db:Status-Status} ${Package}\\n", *names], environ_update={"PATH": PATH}
        )
        return sorted(line.split()[1] for line in out.splitlines() if line.startswith("installed "))
    _, out, _ = module.run_command(["rpm", "-q", "--qf", "%{NAME}\\n", *names], environ_update={"PATH": PATH})
    return sorted(line for line in out.split("\n") if line in names)


def ssh_ports(configured, sockets):
    """Ports from `sshd -T` and from what the SSH socket unit listens on."""
    listening = re.findall(r"(?m)^listenaddress .*:(\d+)$", configured) or re.findall(r"(?m)^port (\d+)$", configured)
    found = listening + re.findall(r"(?m):(\d+) \(Stream\)", sockets)
    return sorted({int(port) for port in found})


def unconditional(rules):
    """Whether a chain ends with a drop or reject of everything."""
    if not rules:
        return False
    verdicts = [part for part in rules[-1]["expr"] if "counter" not in part and "log" not in part]
    return len(verdicts) == 1 and ("drop" in verdicts[0] or "reject" in verdicts[0])


def foreign_drops(ruleset):
    """Base chains of others that drop what no rule of theirs lets in, as (table, chain, how)."""
    items = ruleset.get("nftables", [])
    rules = {}
    for item in items:
        if "rule" in item:
            rule = item["rule"]
            rules.setdefault((rule["family"], rule["table"], rule["chain"]), []).append(rule)
    found = []
    for item in items:
        chain = item.get("chain") or {}
        if chain.get("hook") not in HOOKS or (chain["family"], chain["table"]) == OWN_TABLE:
            continue
        where = "table %(family)s %(table)s, chain %(name)s" % chain
        if chain.get("policy") == "drop":
            found.append("%s: policy drop" % where)
        elif unconditional(rules.get((chain["family"], chain["table"], chain["name"]))):
            found.append("%s: its last rule drops everything" % where)
    return found


def is_idle(path):
    """Whether only what systemd or this module's own run made is in a directory, so that a mount over it hides nothing in use."""
    return all(name.startswith(("systemd-private-", "ansible_", ".")) for name in os.listdir(path))


def is_ours(path):
    """Whether Keelyard wrote a file."""
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return "Written by Keelyard" in stream.read(200)
    except OSError:
        return False


def tmp_is_other():
    """Whether someone else made /tmp a file system of its own, or is about to."""
    unit = "/etc/systemd/system/tmp.mount"
    if os.path.lexists(unit):
        return not is_ours(unit)
    return os.path.ismount("/tmp")


def older(path, than):
    """Whether a file is older than another one."""
    return os.path.exists(path) and os.path.exists(than) and os.stat(path).st_mtime < os.stat(than).st_mtime


def wireless_drivers():
    """Kernel modules of wireless interfaces."""
    interfaces = [os.path.dirname(path) for path in glob.glob("/sys/class/net/*/wireless")]
    links = [os.path.realpath(path + "/device/driver/module") for path in interfaces]
    return sorted({os.path.basename(link) for link in links if os.path.isdir(link)})


def main():
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "packages": {"type": "list", "elements": "str", "default": []},
            "ssh_port": {"type": "int", "default": 22},
        },
        supports_check_mode=True,
    )
    sockets = ""
    if run(module, "systemctl", "is-active", "ssh.socket", "sshd.socket"):
        sockets = run(module, "systemctl", "show", "ssh.socket", "sshd.socket", "--property", "Listen")
    ports = ssh_ports(run(module, "sshd", "-T"), sockets)
    try:
        ruleset = json.loads(run(module, "nft", "-j", "list", "ruleset") or "{}")
    except ValueError:
        ruleset = {}
    tables = [item["table"] for item in ruleset.get("nftables", []) if "table" in item]
    active = run(module, "sh", "-c", "systemctl is-active firewalld.service ufw.service || true").split()
    module.exit_json(
        changed=False,
        installed=installed(module, module.params["packages"]),
        ssh_ports=ports or [module.params["ssh_port"]],
        foreign_drops=foreign_drops(ruleset) + (["firewalld runs"] if active[:1] == ["active"] else []),
        has_package_lists=bool(glob.glob("/var/lib/apt/lists/*_Packages*")),
        has_firewall_file=os.path.exists("/etc/keelyard/firewall.nft"),
        has_own_table=any((table["family"], table["name"]) == OWN_TABLE for table in tables),
        wireless_drivers=wireless_drivers(),
        ipv6_by_advertisement="proto ra" in run(module, "ip", "-6", "route", "show", "default"),
        has_boot_loader=os.path.exists("/usr/sbin/update-grub"),
        boot_loader_is_older=older("/boot/grub/grub.cfg", "/etc/default/grub.d/90-keelyard.cfg"),
        boot_files=[path for path in BOOT_FILES if os.path.isfile(path)],
        tmp_is_other=tmp_is_other(),
        tmp_is_mounted=os.path.ismount("/tmp"),
        tmp_is_idle=is_idle("/tmp"),
    )


if __name__ == "__main__":
    main()
