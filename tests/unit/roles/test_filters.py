"""Filters that look at several nodes: who leads, and the preflight's verdict."""

from __future__ import annotations

from tests.unit.roles.loading import PLAYBOOKS, ROLES, load

filters = load(PLAYBOOKS / "filter_plugins" / "keelyard.py")
preflight = load(ROLES / "node_preflight" / "filter_plugins" / "preflight.py")

SETTINGS = {
    "pod_cidr": "10.244.0.0/16",
    "service_cidr": "10.96.0.0/16",
    "end_of_life": {"kubernetes 1.34": "2026-10-27"},
    "uses": ["kubernetes 1.36", "debian12"],
    "control_planes": ["n1"],
    "today": "2026-11-22",
    "bundle_wanted": "",
    "bundle_found": "",
    "bundle_path": "",
}


def node(**facts):
    known = {"is_initialised": False, "has_admin_conf": False, "apiserver_ready": False, "identity": {}}
    return {**known, "address": "192.0.2.11", "routes": [], "interface": {"mtu": 1500}, **facts}


def initialised(**facts):
    return node(is_initialised=True, has_admin_conf=True, identity={"cluster_id": "c"}, **facts)


def inspected(**facts):
    return {"problems": [], "ours": False, "facts": {"machine_id": "m1", **facts}}


def test_on_bare_nodes_the_first_by_name_leads():
    assert filters.choose_leader(["n2", "n1"], {"n1": node(), "n2": node()}, "c") == "n1"


def test_a_control_plane_that_serves_leads_before_one_that_does_not():
    found = {"n1": initialised(), "n2": initialised(apiserver_ready=True)}

    assert filters.choose_leader(["n1", "n2"], found, "c") == "n2"


def test_an_initialised_control_plane_leads_before_a_new_one_with_an_earlier_name():
    assert filters.choose_leader(["n1", "n2"], {"n1": node(), "n2": initialised()}, "c") == "n2"


def test_a_control_plane_of_another_cluster_does_not_lead():
    foreign = {**initialised(apiserver_ready=True), "identity": {"cluster_id": "other"}}

    assert filters.choose_leader(["n1", "n2"], {"n1": node(), "n2": foreign}, "c") == "n1"


def test_an_unreachable_control_plane_does_not_lead_while_another_answers():
    assert filters.choose_leader(["n1", "n2"], {"n2": node()}, "c") == "n2"


def report(inspections, discovered=None, probes=None, **settings):
    return preflight.preflight_report(inspections, probes or {}, discovered or {}, SETTINGS | settings)


def test_healthy_nodes_have_nothing_to_report():
    assert report({"n1": inspected()}, {"n1": node()})["problems"] == []


def test_unreachable_and_broken_nodes_are_reported_beside_the_findings_of_the_others():
    found = report(
        {
            "n1": {
                "problems": [{"check": "swap", "severity": "warning", "problem": "p", "remedy": "r"}],
                "ours": False,
                "facts": {},
            },
            "n2": {"unreachable": True, "msg": "no route"},
            "n3": {"failed": True, "msg": "sudo: a password is required"},
        }
    )

    assert {(problem["node"], problem["check"]) for problem in found["problems"]} == {
        ("n1", "swap"),
        ("n2", "reachable"),
        ("n3", "inspection"),
    }
    [first, second] = preflight.preflight_text(found)
    assert first.startswith("n2: reachable: cannot be reached: no route -> ")
    assert "sudo" in second


def test_a_changed_host_key_is_told_apart_from_a_node_that_does_not_answer():
    said = "Failed to connect: @@@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @@@ eavesdropping"

    [problem] = report({"n1": {"unreachable": True, "msg": said}})["problems"]

    assert problem["check"] == "host-key"
    assert "accept its new key" in problem["remedy"]


def test_two_names_for_one_machine_are_reported():
    found = report({"n1": inspected(), "n2": inspected()}, {"n1": node(), "n2": node(address="192.0.2.12")})

    [problem] = found["problems"]
    assert problem["check"] == "duplicates"
    assert "n1" in problem["problem"]


def test_ranges_that_overlap_each_other_an_address_or_a_route_are_reported():
    known = node(routes=[{"destination": "10.244.8.0/24", "interface": "eth1"}], address="10.96.0.9")
    found = report({"n1": inspected()}, {"n1": known}, service_cidr="10.96.0.0/16")

    assert len([problem for problem in found["problems"] if problem["check"] == "ranges"]) == 2


def test_a_cluster_of_ours_may_have_routes_to_its_own_pods():
    known = node(routes=[{"destination": "10.244.0.0/24", "interface": "cni0"}])

    assert report({"n1": {**inspected(), "ours": True}}, {"n1": known})["problems"] == []


def test_versions_past_their_end_are_a_warning_only():
    found = report({"n1": inspected()}, {"n1": node()}, uses=["kubernetes 1.34"])

    assert [problem["severity"] for problem in found["problems"]] == ["warning"]
    assert preflight.preflight_text(found) == []


def test_another_bundle_than_the_verified_one_is_refused():
    found = report({"n1": inspected()}, {"n1": node()}, bundle_wanted="a", bundle_found="b", bundle_path="/b")

    assert found["problems"][0]["check"] == "artifacts"


def test_several_control_planes_are_refused_for_now():
    found = report({"n1": inspected()}, {"n1": node()}, control_planes=["n1", "n2", "n3"])

    assert found["problems"][0]["check"] == "topology"


def test_a_hardened_node_is_asked_only_for_what_it_opens_to_everyone():
    hostvars = {
        "n1": {"node_preflight_inspection": {**inspected(), "guarded": True}, "discover_node": node()},
        "n2": {"node_preflight_inspection": inspected(), "discover_node": node()},
        "n3": {},
    }
    ports = {"control_planes": ["n1"], "udp": [8472]}

    found = preflight.preflight_peers(["n1", "n2", "n3"], hostvars, "n3", ports)

    assert [(peer["name"], peer["tcp"], peer["udp"]) for peer in found] == [
        ("n1", [6443], []),
        ("n2", [10250], [8472]),
    ]
