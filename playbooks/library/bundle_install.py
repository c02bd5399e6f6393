#!/usr/bin/python
"""Node half of `bundle_install`: says what is missing, then verifies and installs what was sent."""

from __future__ import annotations

DOCUMENTATION = r"""
module: bundle_install
short_description: Install files and container images from a verified bundle
description: >-
  Compares what is installed with the bundle's checksums, and installs what differs from what was sent. The SHA256SUMS that came
  along must have the digest whose signature the controller verified, and every file must match it before any of them is used.
options:
  bundle:
    description: Directory of the bundle on the controller (read by the controller half).
    type: str
  digest:
    description: SHA-256 of the bundle's SHA256SUMS.
    type: str
    required: true
  files:
    description: Files to install, each with source in the bundle, path on the node and mode.
    type: list
    elements: dict
    default: []
  archives:
    description: Image archives in the bundle to import (names for the controller half, details for the node half).
    type: list
    elements: raw
    default: []
  workspace:
    description: Directory on the controller for the archives of a run (read by the controller half).
    type: str
  staged:
    description: Directory on the node with what was sent; set by the controller half.
    type: str
    default: ""
"""

import hashlib
import os
import shutil
import tarfile
import tempfile

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.keelyard import HOME, PATH, Owned, read_json, sha256, tail, write_text

IMAGES = HOME + "/images.json"
STAGING = "/var/lib/keelyard"


def stamp(path):
    """What changes whenever a file does, so that big files need not be read in every run."""
    facts = os.stat(path)
    return [facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino]


def is_installed(item, owned):
    """Whether a file is there with the wanted content and mode."""
    path = item["path"]
    if not os.path.isfile(path) or os.stat(path).st_mode & 0o7777 != int(item.get("mode", "0755"), 8):
        return False
    known = owned.entries.get(path, {})
    if known.get("sha256") == item["sha256"] and known.get("stamp") == stamp(path):
        return True
    return sha256(path) == item["sha256"]


def remember(item, owned):
    """Records a file with its checksum."""
    owned.put(item["path"], kind="artifact", sha256=item["sha256"], stamp=stamp(item["path"]))


def present_images(module):
    """Reference → manifest digest of the images that containerd has for Kubernetes; in check mode None when it cannot be asked."""
    if module.check_mode and not shutil.which("ctr", path=PATH):
        return None
    code, out, err = module.run_command(["ctr", "-n", "k8s.io", "images", "ls"], environ_update={"PATH": PATH})
    if code and module.check_mode:
        return None
    if code:
        module.fail_json(msg="containerd cannot list its images: %s Check `systemctl status containerd`." % tail(err))
    rows = (line.split() for line in out.splitlines()[1:])
    return {row[0]: row[2] for row in rows if len(row) > 2}


def is_imported(archive, present, record):
    """Whether all images of an archive are there as they were after its import."""
    known = record.get(archive["source"], {})
    if known.get("sha256") != archive["sha256"]:
        return False
    if present is None:  # containerd will be asked once it runs
        return True
    return all(present.get(reference) == known["images"].get(reference) for reference in archive["images"])


def verified(module, directory, digests, wanted):
    """Ends the task unless SHA256SUMS is the signed one and everything that was sent matches it."""
    if digests["SHA256SUMS"] != module.params["digest"]:
        module.fail_json(
            msg="SHA256SUMS arrived changed: its digest is not the one that was signed. Nothing was installed. "
            "Run `keelyard bundle verify` on the bundle and retry."
        )
    with open(os.path.join(directory, "SHA256SUMS"), encoding="utf-8") as stream:
        sums = {path.strip().lstrip("*"): digest for digest, path in (line.split(None, 1) for line in stream)}
    for source, expected in wanted.items():
        if digests[source] != sums.get(source) or digests[source] != expected:
            module.fail_json(
                msg="%s arrived with checksum %s where the bundle's signed list says %s. Nothing was installed. "
                "Run `keelyard bundle verify` on the bundle, copy it again if that fails, and retry."
                % (source, digests[source], sums.get(source))
            )


def take(stream, target):
    """Writes a stream to a file; returns the SHA-256 of what was written."""
    digest = hashlib.sha256()
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with open(target, "wb") as sink:
        for block in iter(lambda: stream.read(1 << 20), b""):
            digest.update(block)
            sink.write(block)
    return digest.hexdigest()


def receive(module, staged, sources, directory):
    """Brings what was sent into a directory of root's own: SHA256SUMS and small files out of the archive, big files as they are.

    Takes the expected plain files and nothing else; returns their checksums.
    """
    digests = {}
    try:
        with tarfile.open(os.path.join(staged, "bundle.tar"), "r:") as archive:
            members = {member.name: member for member in archive.getmembers() if member.isfile()}
            for name in ["SHA256SUMS", *sources]:
                target, alone = os.path.join(directory, name), os.path.join(staged, name.replace("/", "__"))
                if os.path.isfile(alone):
                    os.makedirs(os.path.dirname(target), exist_ok=True)
                    shutil.move(alone, target)
                    os.chown(target, os.geteuid(), os.getegid())
                    digests[name] = sha256(target)
                else:
                    digests[name] = take(archive.extractfile(members[name]), target)
    except (KeyError, tarfile.TarError) as reason:
        module.fail_json(msg="What was sent from the bundle is incomplete (%s). Retry." % reason)
    except OSError as reason:
        module.fail_json(msg="Unpacking the bundle failed: %s. Free some space under /var/lib and retry." % reason)
    return digests


def install(module, item, directory, owned):
    """Moves one verified file to its place with the right context and mode."""
    path = item["path"]
    os.makedirs(os.path.dirname(path), exist_ok=True)
    owned.keep_original(path)
    owned.save()
    staged = os.path.join(directory, item["source"])
    os.chmod(staged, int(item.get("mode", "0755"), 8))
    os.utime(staged)
    module.atomic_move(staged, path)
    module.set_mode_if_different(path, int(item.get("mode", "0755"), 8), changed=False)
    remember(item, owned)


def import_archive(module, archive, directory, record):
    """Imports the images of one verified archive and records what they are."""
    path = os.path.join(directory, archive["source"])
    code, _, err = module.run_command(["ctr", "-n", "k8s.io", "images", "import", path], environ_update={"PATH": PATH})
    if code:
        module.fail_json(msg="containerd cannot import %s: %s" % (archive["source"], tail(err)))
    present = present_images(module)
    lacking = [reference for reference in archive["images"] if reference not in present]
    if lacking:
        module.fail_json(
            msg="%s does not hold %s, although bundle.json says so. Build the bundle again."
            % (archive["source"], ", ".join(lacking))
        )
    images = {reference: present[reference] for reference in archive["images"]}
    record[archive["source"]] = {"sha256": archive["sha256"], "images": images}
    write_text(IMAGES, "%s\n" % module.jsonify(record), 0o644)


def foretold(items, archives, present):
    """Diffs of what a run would install, and a sentence about what could not be looked at yet."""
    diffs = [
        {
            "before_header": item["path"],
            "after_header": item["path"],
            "before": "sha256:%s mode %04o\n" % (sha256(item["path"]), os.stat(item["path"]).st_mode & 0o7777)
            if os.path.isfile(item["path"])
            else "",
            "after": "sha256:%s mode %s\n" % (item["sha256"], item.get("mode", "0755")),
        }
        for item in items
    ]
    diffs += [
        {"before_header": each["source"], "after_header": each["source"], "before": "", "after": "\n".join(each["images"]) + "\n"}
        for each in archives
    ]
    answer = {"diff": diffs, "changed_files": [item["path"] for item in items]}
    if archives and present is None:
        answer["declared"] = "imports the images of %s once containerd runs" % ", ".join(each["source"] for each in archives)
        if items:
            answer["declared"] += ", and installs %s" % ", ".join(item["path"] for item in items)
    return answer


def main():
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "bundle": {"type": "str"},
            "digest": {"type": "str", "required": True},
            "files": {"type": "list", "elements": "dict", "default": []},
            "archives": {"type": "list", "elements": "raw", "default": []},
            "workspace": {"type": "str"},
            "staged": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    files, archives, staged = (module.params[name] for name in ("files", "archives", "staged"))
    owned, record = Owned(), read_json(IMAGES, {})
    present = present_images(module) if archives else {}
    absent_files = [item for item in files if not is_installed(item, owned)]
    absent_archives = [item for item in archives if not is_imported(item, present, record)]
    missing = sorted({item["source"] for item in absent_files + absent_archives})
    if not staged or not missing:
        if not missing and not module.check_mode:
            for item in files:
                remember(item, owned)
            owned.save()
        told = foretold(absent_files, absent_archives, present) if module.check_mode or module._diff else {}
        module.exit_json(changed=bool(missing), missing=missing, **told)
    os.makedirs(STAGING, mode=0o700, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=STAGING, prefix="staging-") as directory:
        digests = receive(module, staged, missing, directory)
        expected = {item["source"]: item["sha256"] for item in absent_files + absent_archives}
        verified(module, directory, digests, expected)
        for item in absent_files:
            install(module, item, directory, owned)
        owned.save()
        for archive in absent_archives:
            import_archive(module, archive, directory, record)
    module.exit_json(changed=True, installed=missing, changed_files=[item["path"] for item in absent_files])


if __name__ == "__main__":
    main()
