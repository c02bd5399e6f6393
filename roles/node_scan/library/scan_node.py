#!/usr/bin/python
"""Node half of `scan_node`: runs one scanner and returns what it wrote; leaves nothing of it on the node."""

from __future__ import annotations

DOCUMENTATION = r"""
module: scan_node
short_description: Run one scanner on a node
description: >-
  Unpacks the scanner that the controller sent into a directory of its own, runs it, returns its report packed, and removes the
  directory. A scanner that cannot run is no failure: C(unavailable) says why.
options:
  scanner:
    description: Which scanner.
    type: str
    choices: [kube-bench, openscap, lynis]
    required: true
  sha256:
    description: SHA-256 of the file that was sent.
    type: str
    default: ""
  staged:
    description: The file that was sent; set by the controller half. Empty when the controller has none.
    type: str
    default: ""
  lacking:
    description: Why the controller has none.
    type: str
    default: ""
  targets:
    description: What of Kubernetes is on this node, in kube-bench's words.
    type: list
    elements: str
    default: []
  benchmark:
    description: Benchmark of kube-bench.
    type: str
    default: ""
  profiles:
    description: Profiles of the SCAP content, the first that it has is used.
    type: list
    elements: str
    default: []
  contents:
    description: Places of SCAP content from the system's packages, for when none was sent.
    type: list
    elements: str
    default: []
  disk_rules:
    description: SCAP rules that look at every file of every disk; left out where OpenSCAP cannot leave out the disks of containers.
    type: list
    elements: str
    default: []
  ignored_paths:
    description: Directories of containers, which OpenSCAP leaves out.
    type: list
    elements: str
    default: []
  installation:
    description: What installing the scanner's package said.
    type: str
    default: ""
  timeout_seconds:
    description: How long the scanner may take.
    type: int
    default: 900
"""

import base64
import datetime
import glob
import gzip
import os
import re
import shutil
import signal
import subprocess
import tarfile
import tempfile
import xml.etree.ElementTree as ET
from xml.sax.saxutils import quoteattr

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.keelyard import PATH, redact, sha256, tail

HOME = "/var/lib"  # programs may be run from here on hardened nodes, and not from temporary directories
SETTINGS = "/proc/sys"
PREFIX = "xccdf_org.ssgproject.content_"
PROFILE = "xccdf_keelyard_profile_scan"
SKIPS_PATHS = (1, 3, 10)  # the first OpenSCAP that leaves out paths
MOST_EVIDENCE = 1500
# What of all that is looked at is never a secret, unless its name says so.
TELLING = ("sysctl_item", "systemdunitproperty_item", "textfilecontent_item")
SECRET = re.compile(r"shadow|opasswd|grub|user\.cfg|secret|key|krb5|pgpass|netrc", re.IGNORECASE)
WALKS_DISKS = "Looks at every file of every disk, those of containers included, which OpenSCAP leaves out from version 1.3.10 on only."


class Unavailable(Exception):
    """The scanner cannot run on this node; the message says why."""


def run(command, directory, seconds, environment=None):
    """Exit code and output of a command; its whole family is ended when it takes too long."""
    settings = {
        "PATH": PATH,
        "HOME": directory,
        "LC_ALL": "C.UTF-8",
        "TMPDIR": directory,
        **(environment or {}),
    }
    process = subprocess.Popen(
        command,
        cwd=directory,
        env=settings,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise Unavailable("%s did not finish within %d s." % (os.path.basename(command[0]), seconds))
    return process.returncode, output


def run_again(command, directory, seconds, environment):
    """As `run`, with a second attempt in the same time: OpenSCAP 1.3.7 was seen to stand still on a busy node, where it needs half a minute."""
    try:
        return run(command, directory, seconds // 3, environment)
    except Unavailable:
        return run(command, directory, seconds - seconds // 3, environment)


def numbers(version):
    """The numbers of a version, to compare it."""
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])


def unpack(parameters, directory):
    """Unpacks what was sent; plain files only, and none outside the directory."""
    with tarfile.open(parameters["staged"], "r:gz") as archive:
        for member in archive.getmembers():
            target = os.path.normpath(os.path.join(directory, member.name))
            if not member.isfile() or not target.startswith(directory + "/"):
                continue
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with open(target, "wb") as sink:
                shutil.copyfileobj(archive.extractfile(member), sink)
            os.chmod(target, 0o755 if member.mode & 0o100 else 0o644)


def kube_bench(parameters, directory):
    """Runs kube-bench: what it looks at are processes and files of this node."""
    if not parameters["staged"]:
        raise Unavailable(parameters["lacking"])
    unpack(parameters, directory)
    program, report = directory + "/kube-bench", directory + "/report"
    _, version = run([program, "version"], directory, 60)
    command = [program, "run", "--config-dir", directory + "/cfg", "--config", directory + "/cfg/config.yaml"]
    command += ["--benchmark", parameters["benchmark"], "--targets", ",".join(parameters["targets"])]
    command += ["--json", "--outputfile", report]
    environment = {"KUBECONFIG": "/etc/kubernetes/admin.conf"}
    code, output = run(command, directory, parameters["timeout_seconds"], environment)
    if code or not os.path.isfile(report):
        raise Unavailable("kube-bench ended with %d: %s" % (code, tail(output, 4)))
    return {"version": version.strip()[:40], "profile": parameters["benchmark"]}, report


def content(parameters, directory):
    """The SCAP content to use: what was sent, or what the system's packages have."""
    if parameters["staged"]:
        target = directory + "/content-ds.xml"
        with gzip.open(parameters["staged"]) as packed, open(target, "wb") as sink:
            shutil.copyfileobj(packed, sink)
        return target
    for path in parameters["contents"]:
        if os.path.isfile(path):
            return path
    raise Unavailable(
        "There is no SCAP content for this system at %s. %s"
        % (" or ".join(parameters["contents"]), parameters["lacking"])
    )


def chosen(text, profiles, rules):
    """The first of the profiles that the content has, and those of the rules that it has."""
    found = set(re.findall(r'Profile id="%sprofile_([a-z0-9_]+)"' % PREFIX, text))
    for profile in profiles:
        if profile in found:
            return profile, [rule for rule in rules if '%srule_%s"' % (PREFIX, rule) in text]
    raise Unavailable("The SCAP content has no profile %s." % " or ".join(profiles))


def site_values(text):
    """What the benchmark leaves to the site and the content asks for, as it is on this node.

    That is which time service there is, and from whom the kernel hides its addresses: from programs without
    the right to see them (1), which contents take for granted, or from all (2).
    """
    service = "chronyd" if shutil.which("chronyd", path=PATH) else "systemd-timesyncd"
    values = {"var_timesync_service": service}
    if kernel_setting("kernel/kptr_restrict") == "2":
        values["sysctl_kernel_kptr_restrict_value"] = "2"
    return {name: value for name, value in values.items() if '%svalue_%s"' % (PREFIX, name) in text}


def kernel_setting(name):
    """A live setting of the kernel; empty when there is none by this name."""
    try:
        with open(os.path.join(SETTINGS, name), encoding="utf-8") as stream:
            return stream.read().strip()
    except OSError:
        return ""


def tailoring(path, profile, left_out, values):
    """A profile that is the chosen one with values of the site, and without some rules: OpenSCAP 1.3.7 reads no values after those.

    Each is on a line of its own: of two empty elements with nothing between them, that version skips the second.
    """
    told = "".join('\n<refine-value idref="%svalue_%s" selector="%s"/>' % (PREFIX, *each) for each in sorted(values.items()))
    rules = "".join('\n<select idref="%srule_%s" selected="false"/>' % (PREFIX, rule) for rule in left_out)
    return (
        '<Tailoring xmlns="http://checklists.nist.gov/xccdf/1.2" id="xccdf_keelyard_tailoring_scan">'
        '<benchmark href=%s/><version time="2026-01-01T00:00:00">1</version>'
        '<Profile id="%s" extends="%sprofile_%s"><title>%s</title>%s</Profile></Tailoring>'
    ) % (quoteattr(path), PROFILE, PREFIX, profile, profile, told + rules)


def openscap(parameters, directory):
    """Runs OpenSCAP, which is of the node's own packages, with the content."""
    if not shutil.which("oscap", path=PATH):
        raise Unavailable("OpenSCAP is not installed. %s" % parameters["installation"])
    _, output = run(["oscap", "--version"], directory, 60)
    found = re.search(r"(\d+\.\d+\.\d+)", output)
    version = found.group(1) if found else ""
    path = content(parameters, directory)
    walkers = [] if numbers(version) >= SKIPS_PATHS else parameters["disk_rules"]
    with open(path, encoding="utf-8", errors="replace") as stream:
        text = stream.read()
    profile, left_out = chosen(text, parameters["profiles"], walkers)
    with open(directory + "/tailoring.xml", "w", encoding="utf-8") as stream:
        stream.write(tailoring(path, profile, left_out, site_values(text)))
    report = directory + "/report"
    command = ["oscap", "xccdf", "eval", "--tailoring-file", directory + "/tailoring.xml"]
    command += ["--profile", PROFILE, "--oval-results", "--results", report]
    _, usage = run(["oscap", "xccdf", "eval", "--help"], directory, 60)
    if "--skip-rule" in usage:  # where there is none, the tailoring alone leaves them out, and not always all of them
        command += [word for rule in left_out for word in ("--skip-rule", "%srule_%s" % (PREFIX, rule))]
    command.append(path)
    environment = {"OSCAP_PROBE_IGNORE_PATHS": ":".join(parameters["ignored_paths"])}
    code, output = run_again(command, directory, parameters["timeout_seconds"], environment)
    if code not in (0, 2) or not os.path.isfile(report):
        raise Unavailable("oscap ended with %d: %s" % (code, tail(output, 4)))
    told = [{"rule": rule, "reason": WALKS_DISKS} for rule in left_out]
    return {"version": version, "profile": profile, "left_out": told, "evidence": evidence(directory)}, report


def evidence(directory):
    """Definition → what OpenSCAP saw of each that does not hold, in a few lines; empty when its own report of that is not there."""
    names = [name for name in os.listdir(directory) if name.endswith("oval.xml.result.xml") and "-cpe-" not in name]
    try:
        return Seen(ET.parse(os.path.join(directory, names[0])).getroot()).of_all()
    except (IndexError, ET.ParseError, RecursionError):
        return {}


class Seen:
    """What is in OpenSCAP's report on OVAL: criteria, tests, and what was looked at."""

    def __init__(self, root):
        self.comments, self.items, self.definitions, self.tested = {}, {}, {}, {}
        for element in root.iter():
            kind = element.tag.rpartition("}")[2]
            if kind == "definition" and "definition_id" in element.attrib:
                self.definitions[element.get("definition_id")] = element
            elif kind == "test" and "test_id" in element.attrib:
                self.tested[element.get("test_id")] = [each.get("item_id") for each in element if each.get("item_id")]
            elif kind.endswith("_test"):
                self.comments[element.get("id")] = element.get("comment", "")
            elif kind.endswith("_item") and kind != "tested_item":
                self.items[element.get("id")] = element

    def of_all(self):
        """Lines about each definition that does not hold."""
        failed = (name for name, element in self.definitions.items() if element.get("result") == "false")
        return {name: "\n".join(self._lines(name))[:MOST_EVIDENCE] for name in failed}

    def _lines(self, definition):
        lines = []
        for test in dict.fromkeys(self._tests(definition, set())):
            shown = [line for line in map(self._shown, self.tested.get(test, [])[:5]) if line]
            lines.append("%s: %s" % (self.comments.get(test) or test, "; ".join(dict.fromkeys(shown)) or "found nothing"))
        return lines[:6]

    def _tests(self, definition, known):
        """The tests that do not hold below a definition, those of the definitions it rests on included."""
        if definition in known or definition not in self.definitions:
            return
        known.add(definition)
        for element in self.definitions[definition].iter():
            if element.get("test_ref") and element.get("result") == "false":
                yield element.get("test_ref")
            elif element.get("definition_ref") and element.get("result") == "false":
                yield from self._tests(element.get("definition_ref"), known)

    def _shown(self, item):
        """One thing that was looked at; of what may hold secrets no more than the name."""
        element = self.items.get(item)
        if element is None:
            return ""
        values = {child.tag.rpartition("}")[2]: (child.text or "").strip() for child in element}
        parts = [values[name] for name in ("filepath", "name", "username", "unit", "property") if values.get(name)]
        if element.tag.rpartition("}")[2] in TELLING and not SECRET.search(" ".join(parts)):
            parts += [values[name] for name in ("subexpression", "value") if values.get(name)]
        return redact(" ".join(parts))[:200]


def lynis(parameters, directory):
    """Runs Lynis: the one that was sent, else the system's own."""
    report = directory + "/report"
    options = ["audit", "system", "--quick", "--quiet", "--no-colors", "--report-file", report]
    options += ["--log-file", directory + "/log"]
    if parameters["staged"]:
        unpack(parameters, directory)
        own = ["--usecwd", "--profile", directory + "/default.prf", "--plugindir", directory + "/plugins"]
        command = [directory + "/lynis", *options, *own]
    elif shutil.which("lynis", path=PATH):
        command = [shutil.which("lynis", path=PATH), *options]
    else:
        raise Unavailable("Lynis is not installed. %s" % parameters["lacking"])
    code, output = run(command, directory, parameters["timeout_seconds"])
    if not os.path.isfile(report):
        raise Unavailable("lynis ended with %d: %s" % (code, tail(output, 4)))
    with open(report, encoding="utf-8", errors="replace") as stream:
        found = re.search(r"^lynis_version=([0-9.]+)$", stream.read(), re.MULTILINE)
    return {"version": found.group(1) if found else "", "profile": "audit system"}, report


SCANNERS = {"kube-bench": kube_bench, "openscap": openscap, "lynis": lynis}


def scanned(parameters):
    """Runs the scanner in a directory of its own and returns what there is to say."""
    for left in glob.glob(os.path.join(HOME, "keelyard-scan-*")):  # by a scan that was killed
        shutil.rmtree(left, ignore_errors=True)
    directory = tempfile.mkdtemp(prefix="keelyard-scan-", dir=HOME)
    try:
        if parameters["staged"] and sha256(parameters["staged"]) != parameters["sha256"]:
            raise Unavailable(
                "The scanner arrived changed: its checksum is not the one of the bundle. Scan again."
            )
        told, report = SCANNERS[parameters["scanner"]](parameters, directory)
        with open(report, "rb") as stream:
            packed = gzip.compress(stream.read(), mtime=0)
        return {**told, "unavailable": "", "content": base64.b64encode(packed).decode()}
    except Unavailable as reason:
        return {"unavailable": str(reason).strip()}
    except (OSError, EOFError, tarfile.TarError) as reason:
        return {"unavailable": "%s could not be run: %s" % (parameters["scanner"], reason)}
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def main():
    """Runs the module."""
    module = AnsibleModule(
        argument_spec={
            "scanner": {"type": "str", "required": True, "choices": sorted(SCANNERS)},
            "sha256": {"type": "str", "default": ""},
            "staged": {"type": "str", "default": ""},
            "lacking": {"type": "str", "default": ""},
            "targets": {"type": "list", "elements": "str", "default": []},
            "benchmark": {"type": "str", "default": ""},
            "profiles": {"type": "list", "elements": "str", "default": []},
            "contents": {"type": "list", "elements": "str", "default": []},
            "disk_rules": {"type": "list", "elements": "str", "default": []},
            "ignored_paths": {"type": "list", "elements": "str", "default": []},
            "installation": {"type": "str", "default": ""},
            "timeout_seconds": {"type": "int", "default": 900},
        },
        supports_check_mode=True,
    )
    if module.check_mode:
        module.exit_json(changed=False, unavailable="Scanners do not run in check mode.")
    told = scanned(module.params)
    finished = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    module.exit_json(changed=False, scanner=module.params["scanner"], finished_at=finished, **told)


if __name__ == "__main__":
    main()
