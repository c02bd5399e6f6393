#!/usr/bin/python3
"""Changes a control plane's static pods on its own node, and puts everything back when the API does not return.

Started by systemd, so that it goes on when whoever asked for the change is gone, and again at boot when the node went down
meanwhile or the guard itself was killed. It reads plan.json, which names staged files and the places they go to, and leaves
status.json, which also says how far a guard that was cut off had come.
Written for Python 3.9 and the standard library alone.
"""

from __future__ import annotations

import glob
import json
import os
import re
import shutil
import signal
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request

HOME = "/var/lib/keelyard/static-pods"
PORTS = {"kube-controller-manager": 10257, "kube-scheduler": 10259}
ENDS_MOST = 4  # a component that started and ended so often is not going to stay
CALM_SECONDS = 4  # how long everything must be well in a row
ENDED = ("done", "rolled-back", "stuck")


def read(path, default=None):
    """The JSON in a file, or the default."""
    try:
        with open(path, encoding="utf-8") as stream:
            return json.load(stream)
    except (OSError, ValueError):
        return default


def write(path, value):
    """Replaces a JSON file in one step."""
    with open(path + ".new", "w", encoding="utf-8") as stream:
        os.fchmod(stream.fileno(), 0o600)
        json.dump(value, stream)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(path + ".new", path)


def put(source, target, mode):
    """Copies a file into its place in one step. Written beside the directory, where the kubelet does not look for pods."""
    directory = os.path.dirname(target)
    os.makedirs(directory, mode=0o700, exist_ok=True)
    temporary = "%s.%s.keelyard" % (directory, os.path.basename(target))
    with open(source, "rb") as given, open(temporary, "wb") as made:
        os.fchmod(made.fileno(), mode)
        made.write(given.read())
        made.flush()
        os.fsync(made.fileno())
    os.replace(temporary, target)


def backup(plan, home):
    """Keeps what is in the places of the plan."""
    before = os.path.join(home, "before")
    shutil.rmtree(before, ignore_errors=True)
    os.makedirs(before, mode=0o700)
    kept = []
    for number, entry in enumerate(plan["files"]):
        copy = os.path.join(before, str(number)) if os.path.exists(entry["path"]) else ""
        if copy:
            put(entry["path"], copy, os.stat(entry["path"]).st_mode & 0o7777)
        kept.append({"path": entry["path"], "copy": copy})
    write(os.path.join(home, "before.json"), kept)


def restore(home):
    """Puts everything back as it was."""
    for entry in read(os.path.join(home, "before.json"), []):
        if entry["copy"]:
            put(entry["copy"], entry["path"], os.stat(entry["copy"]).st_mode & 0o7777)
        elif os.path.exists(entry["path"]):
            os.unlink(entry["path"])


def processes(component):
    """Id and start (seconds since boot) of a component's processes."""
    found = {}
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        directory = os.path.dirname(path)
        try:
            with open(path, "rb") as stream:
                name = os.path.basename(stream.read().split(b"\0")[0]).decode("ascii", "replace")
            if name != component:
                continue
            with open(directory + "/stat", encoding="ascii", errors="replace") as stream:
                ticks = int(stream.read().rpartition(")")[2].split()[19])
        except (OSError, ValueError, IndexError):
            continue
        found[int(os.path.basename(directory))] = ticks / os.sysconf("SC_CLK_TCK")
    return found


def boot_clock():
    """Seconds since boot, by which the kernel dates processes."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def answers(url):
    """Whether a health endpoint says that all is well. The question is local; nothing is sent that a liar could use."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    try:
        with opener.open(url, timeout=5) as answer:
            return answer.status == 200
    except (OSError, urllib.error.URLError, ValueError):
        return False


def unwell(plan):
    """The components that do not say they are well."""
    sick = [] if answers("https://%s:6443/readyz" % plan["address"]) else ["kube-apiserver"]
    return sick + [name for name, port in PORTS.items() if not answers("https://127.0.0.1:%d/healthz" % port)]


def attempts(component):
    """Log directory of each of a component's pods → the number of its last start, counted from 0. The kubelet names logs by it."""
    found = {}
    for path in glob.glob("/var/log/pods/kube-system_%s-*/%s/*.log" % (component, component)):
        number = os.path.basename(path)[: -len(".log")]
        if number.isdigit():
            directory = os.path.dirname(path)
            found[directory] = max(found.get(directory, -1), int(number))
    return found


class Starts:
    """What of the changed components started since the change."""

    def __init__(self, components, since):
        self.since = since
        self.before = {name: attempts(name) for name in components}

    def count(self, name):
        """How often a component was started since the change."""
        return sum(number - self.before[name].get(directory, -1) for directory, number in attempts(name).items())

    def waiting(self):
        """The components without a process of their new kind; raises RuntimeError for one that keeps ending."""
        missing = []
        for name in self.before:
            if any(started >= self.since for started in processes(name).values()):
                continue
            missing.append(name)
            if self.count(name) >= ENDS_MOST:
                raise RuntimeError("%s started %d times and ended each time: %s" % (name, self.count(name), last_words(name)))
        return missing


def last_words(component):
    """The last complaint in a component's log."""
    logs = glob.glob("/var/log/pods/kube-system_%s-*/%s/*.log" % (component, component))
    lines = []
    for path in sorted(logs, key=os.path.getmtime)[-2:]:
        with open(path, encoding="utf-8", errors="replace") as stream:
            lines += [line.split(" ", 3)[-1].strip()[:300] for line in stream.readlines()[-400:]]
    complaints = [line for line in lines if re.search(r"^[EF]\d{4} |[Ee]rror", line)]
    return (complaints or lines or ["it left no log"])[-1]


def await_health(plan, components, since):
    """Waits until every changed component runs anew and all are well; why not, in words, when they do not come.

    A guard that goes on for one that was killed has what is left of the time, and enough to see that all is well.
    """
    starts, now, well_since = Starts(components, since), boot_clock(), None
    deadline = max((since or now) + plan["seconds"], now + 3 * CALM_SECONDS)
    trouble = []
    while boot_clock() < deadline:
        try:
            trouble = starts.waiting()
        except RuntimeError as reason:
            return str(reason)
        trouble = trouble or unwell(plan)
        if trouble:
            well_since = None
        else:
            well_since = well_since or boot_clock()
            if boot_clock() - well_since >= CALM_SECONDS:
                return ""
        time.sleep(1)
    names = ", ".join(trouble) or "the API server"
    return "%s did not come back within %d s: %s" % (names, plan["seconds"], last_words((trouble or ["kube-apiserver"])[0]))


def end(components, since):
    """Ends older processes whose manifests stay the same, so that the kubelet starts them with their new files."""
    for component in components:
        for pid in (pid for pid, started in processes(component).items() if started < since):
            try:
                os.kill(pid, signal.SIGTERM)
            except ProcessLookupError:
                continue


def manifests_first_last(files):
    """What the manifests name comes before the manifests."""
    return sorted(files, key=lambda entry: "/manifests/" in entry["path"])


def boot_id():
    """What tells this boot from others."""
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as stream:
        return stream.read().strip()


def entered(path, step, **more):
    """When a step began, in seconds since boot: now, or when a guard that was cut off began it; 0 when that was before this boot."""
    status = read(path, {})
    if status.get("state") == step:
        return status["since"] if status["boot"] == boot_id() else 0.0
    since = boot_clock()
    write(path, {"state": step, "since": since, "boot": boot_id(), **more})
    return since


def apply(plan, home):
    """Puts the new files in place and waits; why the control plane does not run with them, in words."""
    path = os.path.join(home, "status.json")
    status = read(path, {})
    if status.get("state") == "restoring":
        return status["reason"]
    if status.get("state") != "applying":
        backup(plan, home)
    since = entered(path, "applying")
    for entry in manifests_first_last(plan["files"]):
        put(os.path.join(home, entry["staged"]), entry["path"], int(entry["mode"], 8))
    return settled(plan, since)


def has_new_kubelet(began):
    """Whether the kubelet started after the change began, or does not run.

    Such a one has not met an API server yet, and until it has it ends no pod whose manifest is gone or was replaced.
    """
    started = processes("kubelet").values()
    return not started or max(started) >= began


def run(*command):
    """Runs a command; what it printed, empty when it failed, which the wait for the control plane will show."""
    environment = dict(os.environ, PATH="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
    try:
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=False, timeout=120)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("utf-8", "replace")


def remove_pods(components):
    """Removes the pods of components, while no kubelet looks."""
    for component in components:
        pods = run("crictl", "pods", "--quiet", "--namespace", "kube-system", "--label", "component=" + component).split()
        if pods:
            run("crictl", "rmp", "--force", *pods)


def take_back(plan, home, reason):
    """Puts the old files back and waits; the verdict."""
    path = os.path.join(home, "status.json")
    status = read(path, {})
    began = status.get("began", status["since"]) if status["boot"] == boot_id() else 0.0
    since, anew = entered(path, "restoring", reason=reason, began=began), has_new_kubelet(began)
    if anew:
        run("systemctl", "stop", "kubelet.service")
    restore(home)
    if anew:
        remove_pods(changed(plan))
        run("systemctl", "start", "kubelet.service")
    again = settled(plan, since)
    return {"state": "stuck" if again else "rolled-back", "reason": reason, "again": again}


def changed(plan):
    """The components that are to run anew."""
    return sorted(set(plan["components"]) | set(plan["restart"]))


def settled(plan, since):
    """Has what reads new files start anew and waits for all that changed; why it does not come, in words."""
    end(set(plan["restart"]) - set(plan["components"]), since)
    return await_health(plan, changed(plan), since)


def work(home=HOME):
    """Carries the plan out, or goes on where a guard that was killed or went down with the node left off; returns the status."""
    plan, path = read(os.path.join(home, "plan.json")), os.path.join(home, "status.json")
    if not plan:
        return None
    status = read(path, {})
    if status.get("state") not in ENDED:
        reason = apply(plan, home)
        status = take_back(plan, home, reason) if reason else {"state": "done", "reason": ""}
        write(path, status)
    os.unlink(os.path.join(home, "plan.json"))
    for directory in ("before", "staged"):
        shutil.rmtree(os.path.join(home, directory), ignore_errors=True)
    return status


if __name__ == "__main__":
    work(*sys.argv[1:2])
