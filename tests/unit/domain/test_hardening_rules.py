"""Rules for hardening, by field; and the strictness of the catalogue's reader."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec
import pytest

from engine.domain import choices, hardening_rules
from engine.domain.errors import MisconfiguredServer
from engine.domain.hardening import Benchmark, Disposition, HardeningException, Item, benchmark_of
from engine.domain.specs import Components, Hardening
from engine.domain.templates import PartialHardening
from engine.execution import hardening_catalogue

ITEMS = {
    "linux-1.1.1.1": Item(title="One"),
    "linux-5.1.20": Item(title="Two", level=2, disposition=Disposition.REPORTED, reason="The site's."),
    "kubernetes-1.2.1": Item(title="Three", disposition=Disposition.OMITTED, reason="It would break."),
    "lynis-AUTH-9286": Item(title="Four"),
}
ON: dict[str, Any] = {"enable_cis_k8s_benchmark": True, "enable_cis_linux_benchmark": True}


def told(asked: Hardening | PartialHardening, cni: str | None = "flannel") -> dict[str, str]:
    found = hardening_rules.problems(msgspec.structs.asdict(asked), ITEMS, cni)
    return {problem.field.removeprefix("hardening."): problem.message for problem in found}


def excepted(*ids: str, reason: str = "Agreed with the owner.") -> tuple[HardeningException, ...]:
    return tuple(HardeningException(id=each, reason=reason) for each in ids)


@pytest.mark.parametrize(
    "asked",
    [
        Hardening(),
        Hardening(**ON),
        Hardening(**ON, level=1, exceptions=excepted(*ITEMS)),
        Hardening(enable_cis_linux_benchmark=True, exceptions=excepted("lynis-AUTH-9286", "linux-1.1.1.1")),
        Hardening(**ON, exceptions=excepted("linux-5.1.20", reason="x" * 500)),
        PartialHardening(),
        PartialHardening(exceptions=excepted(*ITEMS)),  # the switches are left to the request
    ],
)
def test_what_fits_has_no_problem(asked):
    """Exceptions of what is only reported, left out or above the level too: they change nothing."""
    assert told(asked) == {}


@pytest.mark.parametrize(
    ("asked", "fields"),
    [
        (Hardening(level=3), ["level"]),
        (PartialHardening(level=0), ["level"]),
        (Hardening(**ON, exceptions=excepted("linux-9.9")), ["exceptions.0.id"]),
        (Hardening(**ON, exceptions=excepted("linux-1.1.1.1", "linux-1.1.1.1")), ["exceptions.1.id"]),
        (Hardening(**ON, exceptions=excepted("linux-1.1.1.1", reason=" ")), ["exceptions.0.reason"]),
        (Hardening(**ON, exceptions=excepted("linux-1.1.1.1", reason="x" * 501)), ["exceptions.0.reason"]),
        (Hardening(**ON, exceptions=excepted("linux-1.1.1.1", reason="a\nb")), ["exceptions.0.reason"]),
        (Hardening(exceptions=excepted("lynis-AUTH-9286")), ["exceptions.0.id"]),
        (
            Hardening(enable_cis_linux_benchmark=True, exceptions=excepted("kubernetes-1.2.1")),
            ["exceptions.0.id"],
        ),
        (
            PartialHardening(enable_cis_linux_benchmark=False, exceptions=excepted("linux-1.1.1.1")),
            ["exceptions.0.id"],
        ),
        (Hardening(**ON, exceptions=excepted(*map(str, range(1001)))), ["exceptions"]),
        (Hardening(**ON, default_deny_network_policies=True), ["default_deny_network_policies"]),
        (PartialHardening(default_deny_network_policies=True), ["default_deny_network_policies"]),
    ],
)
def test_what_does_not_fit_is_named_by_its_field(asked, fields):
    assert list(told(asked)) == fields


@pytest.mark.parametrize(
    ("wrong", "near"),
    [
        ("5.1.20", "linux-5.1.20"),
        ("linux-5.1.2", "linux-5.1.20"),
        ("Linux-1.1.1.1", "linux-1.1.1.1"),
        ("lynis-AUTH-9268", "lynis-AUTH-9286"),
    ],
)
def test_the_nearest_id_is_offered(wrong, near):
    message = told(Hardening(**ON, exceptions=excepted(wrong)))["exceptions.0.id"]

    assert message == f"{wrong!r} is no item of the benchmarks; did you mean {near}?"


def test_nothing_is_offered_for_what_is_near_to_nothing():
    assert "did you mean" not in told(Hardening(**ON, exceptions=excepted("?")))["exceptions.0.id"]


def test_policies_need_the_benchmark_also_with_a_network_that_enforces_them():
    on, off = (
        Hardening(**ON, default_deny_network_policies=True),
        Hardening(default_deny_network_policies=True),
    )

    assert told(on, cni="calico") == {}
    assert list(told(off, cni="calico")) == ["default_deny_network_policies"]


def test_forms_are_offered_both_levels_and_no_policies():
    defaults = Components(kubernetes_version="1.36.4", cni="flannel", ingress="none", runtime="containerd")
    offered = {field.field: field for field in choices.fields(defaults)}

    assert [choice.value for choice in offered["hardening.level"].choices] == [1, 2]
    assert offered["hardening.level"].default == 2
    assert offered["hardening.enable_cis_k8s_benchmark"].choices[1].refusal is None
    assert offered["hardening.default_deny_network_policies"].choices[1].refusal


def test_the_catalogue_of_the_roles_reads():
    """Strict: unknown members, wrong ids, missing reasons and numbers that are none are refused."""
    for item_id, item in hardening_catalogue.items().items():
        assert item.disposition is Disposition.APPLIED or item.reason, item_id


def test_the_catalogue_has_every_item_of_both_benchmarks():
    """CIS Debian Linux 12 1.1.0 has 310 controls, kube-bench's cis-1.12 checks 131."""
    counts = Counter(benchmark_of(item_id) for item_id in hardening_catalogue.items())

    assert (counts[Benchmark.LINUX], counts[Benchmark.KUBERNETES]) == (310, 131)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("linux-1.1.1.1: {title: One, switch: true}", "switch"),
        ("linux-1.1.1.1: {level: 2}", "title"),
        ("linux-1.1.1.1: {title: ' '}", "title"),
        ("linux-1.1.1.1: {title: One, level: 3}", "level 3"),
        ("linux-1.1.1.1: {title: One, disposition: adapted}", "needs a reason"),
        ("linux-1.1.1.1: {title: One, disposition: omitted, reason: x, only_on: [rocky9]}", "only_on"),
        ("linux-1.1.1.1: {title: One, levels: {rocky9: 3}, numbers: {rocky9: '1.2'}}", "level 3"),
        ("linux-1.1.1.1: {title: One, levels: {rocky9: 2}}", "has a level on"),
        ("linux-1.1.1.1: {title: One, disposition: skipped, reason: x}", "skipped"),
        ("linux-1.1.1.1: {title: One, numbers: {debian13: 1.10}}", "str"),
        ("linux-1.1.1.1: {title: One, numbers: {debian13: 'one'}}", "number"),
        ("linux-1.1.1.1: {title: One, numbers: {debian12: '1.1.1.1'}}", "number"),
        ("linux-1.1.1.1: {title: One, numbers: {suse: '1.1.1.1'}}", "suse"),
        ("kubernetes-1.1.1: {title: One, numbers: {debian13: '1.1.1'}}", "operating systems"),
        ("linux-1.1.1.1: {title: One, rules: [xccdf_org.ssgproject-x]}", "rule"),
        ("linux-01: {title: One}", "linux-01"),
        ("cis-1.1.1: {title: One}", "cis-1.1.1"),
        ("linux-1.1.1.1: {title: One}\nlinux-1.1.1.1: {title: One}", "comes twice"),
        ("linux-1.1.1.1: {title: [", "line"),
    ],
)
def test_a_slip_in_the_catalogue_is_found(tmp_path, text, wrong):
    file = tmp_path / "1_chapter.yml"
    file.write_text(text)

    with pytest.raises(MisconfiguredServer) as caught:
        hardening_catalogue.read(file)

    assert str(file) in str(caught.value)
    assert wrong in str(caught.value)


def test_items_are_in_the_order_of_their_numbers(tmp_path, monkeypatch):
    monkeypatch.setenv("KEELYARD_CONTENT", str(tmp_path))
    for role, text in (
        ("node_hardening", "linux-1.10: {title: B}\nlinux-1.2: {title: A}\nlynis-AUTH-9286: {title: D}"),
        ("kube_hardening", "kubernetes-1.1: {title: C}"),
    ):
        folder = tmp_path / "roles" / role / "catalogue"
        folder.mkdir(parents=True)
        (folder / "1.yml").write_text(text)

    assert list(hardening_catalogue.items()) == [
        "kubernetes-1.1",
        "linux-1.2",
        "linux-1.10",
        "lynis-AUTH-9286",
    ]

    (tmp_path / "roles" / "kube_hardening" / "catalogue" / "2.yml").write_text("linux-1.2: {title: A}")
    hardening_catalogue._read.cache_clear()
    with pytest.raises(MisconfiguredServer, match=r"linux-1\.2 is in another file"):
        hardening_catalogue.items()
