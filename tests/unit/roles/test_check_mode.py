"""Modules in check mode: what they say they would do, function by function."""

from __future__ import annotations

import pytest

from tests.unit.roles.loading import module, shared


def test_a_secret_file_shows_that_it_differs_and_nothing_else():
    difference = module("managed_files").difference

    shown = difference({"path": "/etc/p", "secret": True}, "old secret", "new secret")
    new = difference({"path": "/etc/p", "secret": True}, None, "new secret")
    plain = difference({"path": "/etc/p"}, "old", "new")

    assert "old secret" not in str(shown)
    assert "new secret" not in str(shown) + str(new)
    assert new["before"] == "absent\n"
    assert (plain["before"], plain["after"]) == ("old", "new")


def test_a_unit_would_be_restarted_for_those_rewritten_files_that_are_its_own():
    own = module("fresh_service").own_among
    read = ["/etc/containerd/config.toml"]

    assert own("c.service", read, ["/etc/crictl.yaml"]) == []
    assert own("c.service", read, ["/etc/containerd/config.toml", "/etc/crictl.yaml"]) == read
    for path in ("/etc/systemd/system/c.service", "/etc/systemd/system/c.service.d/10.conf"):
        assert own("c.service", read, [path]) == [path]


def test_rewritten_files_are_a_reason_once(tmp_path):
    reasons = module("fresh_service").reasons
    unit = {"UnitFileState": "enabled", "ActiveState": "active"}

    assert reasons(unit, [], True) == []
    assert reasons(unit, [], True, ["/etc/x"]) == ["older than /etc/x, once that is written"]
    assert reasons({**unit, "ActiveState": "inactive"}, [], True, ["/etc/x"]) == ["not running"]


def test_a_manifest_is_named_by_its_objects():
    manifest = (
        "kind: Namespace\nmetadata:\n  name: a\n---\nkind: DaemonSet\nmetadata: {name: b-c, namespace: a}\n"
    )

    assert module("kube_apply").objects(manifest) == ["Namespace a", "DaemonSet b-c"]


def test_a_diff_of_objects_has_no_temporary_names():
    text = "diff -u -N /tmp/LIVE-1/apps.v1.D.a.b /tmp/MERGED-2/apps.v1.D.a.b\n"
    text += "--- /tmp/LIVE-1/apps.v1.D.a.b\t2026-01-01\n+++ /tmp/MERGED-2/apps.v1.D.a.b\t2026-01-01\n@@ -1 +1 @@\n-a\n+b\n"
    text += '-  generation: 1\n+  generation: 2\n   resourceVersion: "77"\n'

    assert module("kube_apply").differing(text) == ["apps.v1.D.a.b"]
    assert module("kube_apply").readable(text) == "--- apps.v1.D.a.b\n@@ -1 +1 @@\n-a\n+b"


def test_images_are_believed_by_the_record_while_containerd_cannot_be_asked():
    imported = module("bundle_install").is_imported
    archive = {"source": "images/n.tar", "sha256": "1", "images": ["i"]}
    record = {"images/n.tar": {"sha256": "1", "images": {"i": "d"}}}

    assert imported(archive, None, record)
    assert not imported(archive, None, {})
    assert not imported({**archive, "sha256": "2"}, None, record)
    assert not imported(archive, {}, record)


def test_what_cannot_be_looked_at_yet_is_declared(tmp_path):
    foretold = module("bundle_install").foretold
    item = {"source": "bin/x", "path": str(tmp_path / "x"), "sha256": "1"}
    archive = {"source": "images/n.tar", "images": ["i"]}

    assert "declared" not in foretold([item], [], {})
    assert "declared" not in foretold([], [archive], {})
    assert foretold([item], [archive], None)["declared"].startswith("imports the images of images/n.tar")
    (tmp_path / "x").write_text("old")
    assert (
        foretold([item], [], {})["diff"][0]["before"]
        == f"sha256:{shared('keelyard').sha256(item['path'])} mode 0644\n"
    )


def node(name: str, *, ready: str = "True", version: str = "v1.36.4", **spec: object) -> dict:
    status = {"conditions": [{"type": "Ready", "status": ready, "message": "stopped"}]}
    return {
        "metadata": {"name": name},
        "spec": spec,
        "status": {**status, "nodeInfo": {"kubeletVersion": version}},
    }


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        ([node("a")], []),
        ([], ["has not joined the cluster"]),
        ([node("a", ready="False")], ["is not Ready: stopped"]),
        ([node("a", version="v1.35.1")], ["runs kubelet 1.35.1, the spec says 1.36.4"]),
        ([node("a", unschedulable=True)], ["is cordoned: no new pods are placed on it"]),
        ([node("a"), node("b")], ["is in the cluster, but not in the spec"]),
    ],
)
def test_a_cluster_is_looked_at_without_touching_it(nodes, expected):
    found = module("verify_cluster", "cluster_verify").node_findings(nodes, ["a"], "1.36.4")

    assert [each["problem"] for each in found] == expected


def test_workloads_that_lack_pods_are_found():
    findings = module("verify_cluster", "cluster_verify").workload_findings
    metadata = {"namespace": "kube-system", "name": "x"}
    well = {
        "kind": "DaemonSet",
        "metadata": metadata,
        "spec": {},
        "status": {"desiredNumberScheduled": 2, "numberAvailable": 2},
    }
    ill = {
        "kind": "Deployment",
        "metadata": metadata,
        "spec": {"replicas": 2},
        "status": {"availableReplicas": 1},
    }

    assert findings([well]) == []
    assert findings([well, ill]) == [
        {"subject": "Deployment kube-system/x", "problem": "has 1 of 2 pods available"}
    ]
