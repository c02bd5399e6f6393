#!/usr/bin/python
"""Takes away what Keelyard recorded as its own on a node, and brings back what was there before. Nothing else is touched."""

from __future__ import annotations

DOCUMENTATION = r"""
module: reset_node
short_description: Take away what Keelyard recorded as its own
description: >-
  Stops its units, removes its files, Kubernetes' state, its interfaces and its firewall chains, restores the originals of files
  it replaced, and forgets the node. Does nothing on a node that is not recorded as this cluster's.
options:
  cluster_id:
    description: Id of the cluster that is being taken down.
    type: str
    required: true
"""

import glob
import os
import re
import shutil

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.keelyard import HOME, IDENTITY, ORIGINALS, PATH, Owned, read_json, tail, write_text
from ansible.module_utils.keelyard_overruled import MARK, MODULES, SYSCTLS, files

UNITS = [
    "keelyard-kubelet-approver.service", "keelyard-static-pods.service", "kubelet.service", "keelyard-routes.service",
    "containerd.service", "keelyard-firewall.service",
]  # fmt: skip
MOUNTS = ["tmp.mount"]  # not at boot any more; to unmount what this very run works in would be to end it
# Written before there is a runtime of ours; the second name is what it was called before.
LIMITS = ("/90-keelyard-limits.conf", "/90-keelyard-umask.conf")
STATE = ["/etc/kubernetes", "/var/lib/kubelet", "/var/lib/etcd", "/var/lib/cni", "/run/flannel", "/var/lib/kubeadm", "/var/lib/keelyard-approver"]
RUNTIME_STATE = ["/var/lib/containerd", "/run/containerd"]
LINKS = ["cni0", "flannel.1"]
CHAINS = re.compile(r"^(KUBE-|CNI-|FLANNEL-)")


def run(module, *command, data=None):
    """Exit code and output of a command."""
    code, out, err = module.run_command(list(command), data=data, environ_update={"PATH": PATH})
    return code, out if not code else tail(err or out)


def firewall_script(saved):
    """What `iptables-restore --noflush` needs to remove Kubernetes' and the CNI's chains and the jumps into them.

    `saved` is the output of iptables-save. Rules and chains of anyone else do not appear in the script.
    """
    script, table, rules, chains = [], "", [], []
    for line in saved.splitlines():
        if line.startswith("*"):
            table, rules, chains = line, [], []
        elif line.startswith(":") and CHAINS.match(line[1:]):
            chains.append(line[1:].split()[0])
        elif line.startswith("-A "):
            source = line.split()[1]
            target = re.search(r" -[jg] (\S+)", line)
            if not CHAINS.match(source) and target and CHAINS.match(target.group(1)):
                rules.append("-D" + line[2:])
        elif line == "COMMIT" and (rules or chains):
            script += [table, *rules, *("-F " + chain for chain in chains), *("-X " + chain for chain in chains), "COMMIT"]
    return "\n".join(script) + "\n" if script else ""


def clean_firewall(module):
    """Removes the chains; returns what was done."""
    done = []
    for tool in ("iptables", "ip6tables"):
        if not shutil.which(tool + "-save", path=PATH):
            continue
        code, saved = run(module, tool + "-save")
        script = firewall_script(saved) if not code else ""
        if script and not module.check_mode:
            code, why = run(module, tool + "-restore", "--noflush", data=script)
            if code:
                module.fail_json(msg="The firewall chains of Kubernetes cannot be removed: %s Retry." % why)
        done += [tool + " chains"] if script else []
    return done


def stop_units(module, owned):
    """Stops and disables our units; returns what was done."""
    done = []
    for unit in UNITS:
        path = "/etc/systemd/system/" + unit
        if path in owned and os.path.exists(path):
            done.append("stopped " + unit)
            if not module.check_mode:
                run(module, "systemctl", "disable", "--now", unit)
    for unit in MOUNTS:
        if "/etc/systemd/system/" + unit in owned and not module.check_mode:
            run(module, "systemctl", "disable", unit)
    return done


def end_shims(module):
    """Ends container shims that outlived containerd, which happens when a reset could not talk to it."""
    for entry in glob.glob("/proc/[0-9]*/exe"):
        try:
            if os.path.basename(os.readlink(entry)).startswith("containerd-shim") and not module.check_mode:
                os.kill(int(entry.split("/")[2]), 9)
        except OSError:
            continue


def unmount_below(module, directories):
    """Unmounts what Kubernetes mounted below its directories, deepest first; the directories' own mounts stay."""
    with open("/proc/mounts", encoding="utf-8") as stream:
        points = [line.split()[1].encode().decode("unicode_escape") for line in stream]
    for point in sorted(points, key=len, reverse=True):
        if any(point.startswith(directory + "/") for directory in directories) and not module.check_mode:
            run(module, "umount", "--lazy", point)


def empty(module, directory):
    """Empties a directory and removes it unless something is mounted there; returns whether there was anything."""
    if not os.path.isdir(directory):
        return False
    found = bool(os.listdir(directory))
    if module.check_mode:
        return found
    for entry in os.scandir(directory):
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path, ignore_errors=True)
        else:
            os.unlink(entry.path)
    if not os.path.ismount(directory):
        shutil.rmtree(directory, ignore_errors=True)
    return found


def remove_links(module):
    """Removes the pods' network interfaces; returns what was done."""
    present = [name for name in LINKS if os.path.isdir("/sys/class/net/" + name)]
    for name in present:
        if not module.check_mode:
            run(module, "ip", "link", "delete", name)
    return ["interface " + name for name in present]


def remove_routes(module):
    """Removes the routes that our unit set, which the kernel would keep until the next boot."""
    routes = "/etc/keelyard/routes.sh"
    if not os.path.exists(routes) or module.check_mode:
        return
    with open(routes, encoding="utf-8") as stream:
        for destination in re.findall(r"^ip route replace (\S+) via", stream.read(), re.MULTILINE):
            run(module, "ip", "route", "delete", destination)


def remove_files(module, owned):
    """Removes our files and restores the originals of those we replaced; returns what was done."""
    done = []
    for path, facts in sorted(owned.entries.items()):
        if path.startswith(HOME):
            continue
        original = facts.get("original", "")
        done.append(("restored " if original else "removed ") + path)
        if module.check_mode:
            continue
        if original and os.path.exists(original):
            shutil.move(original, path)
        elif os.path.lexists(path):
            os.unlink(path)
            for directory in (os.path.dirname(path), os.path.dirname(os.path.dirname(path))):
                if directory.count("/") > 1 and re.search(r"containerd|/opt/cni|\.service\.d|/etc/cni", directory):
                    remove_if_empty(directory)
    return done


def remove_if_empty(directory):
    """Removes a directory when nothing is left in it."""
    try:
        os.rmdir(directory)
    except OSError:
        return


def edit(module, path, pattern, replacement):
    """Takes our lines out of a file that belongs to the system; returns whether there were any."""
    if not os.path.exists(path):
        return False
    with open(path, encoding="utf-8", errors="surrogateescape") as stream:
        before = stream.read()
    after = re.sub(pattern, replacement, before)
    if after != before and not module.check_mode:
        write_text(path, after, os.stat(path).st_mode & 0o7777)
    return after != before


def main():
    """Entry point."""
    module = AnsibleModule(
        argument_spec={"cluster_id": {"type": "str", "required": True}},
        supports_check_mode=True,
    )
    identity = read_json(IDENTITY, {})
    if identity.get("cluster_id") != module.params["cluster_id"]:
        module.exit_json(changed=False, msg="nothing of this cluster is recorded here")
    owned = Owned()
    ours_is_runtime = any("containerd" in path and not path.endswith(LIMITS) for path in owned.entries)
    state = STATE + (RUNTIME_STATE if ours_is_runtime else [])
    done = stop_units(module, owned)
    if ours_is_runtime:
        end_shims(module)
    unmount_below(module, state)
    done += clean_firewall(module) + remove_links(module)
    remove_routes(module)
    done += ["emptied " + directory for directory in state if empty(module, directory)]
    done += remove_files(module, owned)
    edit(module, "/etc/hosts", r"(?ms)^# BEGIN keelyard\n.*?^# END keelyard\n", "")
    edit(module, "/etc/fstab", r"(?m)^# keelyard: ", "")
    for path in files([*SYSCTLS, *MODULES]):
        edit(module, path, r"(?m)^" + MARK % "[a-z0-9-]+", "")
    if not module.check_mode:
        run(module, "systemctl", "daemon-reload")
        shutil.rmtree(os.path.dirname(ORIGINALS), ignore_errors=True)
        os.rename(IDENTITY, IDENTITY + ".removed")
        shutil.rmtree(HOME, ignore_errors=True)
    module.exit_json(changed=True, done=done)


if __name__ == "__main__":
    main()
