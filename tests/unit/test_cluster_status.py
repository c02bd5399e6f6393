"""Statuses and conditions derived from facts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from engine.domain import cluster_status, conditions
from engine.domain.cluster_status import Certificate, EndedRun, HostResult
from engine.domain.conditions import ConditionStatus, ConditionType
from engine.domain.specs import Hardening
from engine.domain.statuses import ClusterStatus, JobStatus, JobType, NodeStatus

PROVISION, DEPROVISION = JobType.PROVISION, JobType.DEPROVISION
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("deleted", "provisioned", "active", "last", "expected"),
    [
        (False, False, None, None, ClusterStatus.PENDING),
        (False, False, PROVISION, None, ClusterStatus.PROVISIONING),
        (False, False, PROVISION, (PROVISION, JobStatus.FAILED), ClusterStatus.PROVISIONING),
        (False, True, None, (PROVISION, JobStatus.SUCCESS), ClusterStatus.RUNNING),
        (False, True, PROVISION, (PROVISION, JobStatus.SUCCESS), ClusterStatus.RUNNING),
        (False, True, DEPROVISION, (PROVISION, JobStatus.SUCCESS), ClusterStatus.RUNNING),
        (False, False, None, (PROVISION, JobStatus.INTERRUPTED), ClusterStatus.FAILED),
        (False, True, None, (DEPROVISION, JobStatus.FAILED), ClusterStatus.FAILED),
        (False, False, None, (DEPROVISION, JobStatus.SUCCESS), ClusterStatus.PENDING),
        (True, False, None, (DEPROVISION, JobStatus.SUCCESS), ClusterStatus.DELETED),
    ],
)
def test_status_of_a_cluster(deleted, provisioned, active, last, expected):
    """Derived, never set."""
    derived = cluster_status.derive(deleted=deleted, provisioned=provisioned, active=active, last=last)

    assert derived is expected


def ended(status=JobStatus.SUCCESS, job_type=PROVISION, *, at=NOW, **hosts: HostResult) -> EndedRun:
    return EndedRun(job_type=job_type, status=status, hosts=hosts, at=at, kubeconfig=True)


def test_a_condition_keeps_its_time_until_its_status_changes():
    """As in Kubernetes."""
    first = cluster_status.conditions([], ended(a=HostResult()))
    later = NOW + timedelta(hours=1)
    second = cluster_status.conditions(first, ended(a=HostResult(), at=later))
    third = cluster_status.conditions(
        second, ended(JobStatus.FAILED, a=HostResult(unreachable=True), at=later)
    )

    assert second == first
    by_type = {condition.type: condition for condition in third}
    assert by_type[ConditionType.NODES_REACHABLE].status is ConditionStatus.FALSE
    assert by_type[ConditionType.NODES_REACHABLE].last_transition_time == later
    assert by_type[ConditionType.NETWORK_READY].status is ConditionStatus.TRUE


def test_what_nobody_looked_at_is_unknown():
    """Not false."""
    found = cluster_status.conditions([], ended(JobStatus.INTERRUPTED))

    assert {condition.status for condition in found} == {ConditionStatus.UNKNOWN}


@pytest.mark.parametrize(
    ("current", "run", "expected"),
    [
        (NodeStatus.PROVISIONING, ended(a=HostResult()), NodeStatus.READY),
        (NodeStatus.PROVISIONING, ended(JobStatus.FAILED, a=HostResult(failed=True)), NodeStatus.FAILED),
        (NodeStatus.PROVISIONING, ended(JobStatus.FAILED, a=HostResult()), NodeStatus.PENDING),
        (NodeStatus.READY, ended(JobStatus.INTERRUPTED), NodeStatus.READY),
        (NodeStatus.READY, ended(job_type=DEPROVISION, a=HostResult()), NodeStatus.PENDING),
    ],
)
def test_status_of_a_node(current, run, expected):
    """As its last run left it."""
    assert cluster_status.node_status(current, "a", run) is expected


@pytest.mark.parametrize("look", [JobType.PLAN, JobType.VERIFY])
@pytest.mark.parametrize("status", [JobStatus.SUCCESS, JobStatus.FAILED])
def test_a_look_leaves_a_node_as_it_was(look, status):
    """Also when it does not answer."""
    for current in NodeStatus:
        run = ended(status, look, a=HostResult(unreachable=status is JobStatus.FAILED))

        assert cluster_status.node_status(current, "a", run) is current


def spec_applied(conditions):
    return next((each for each in conditions if each.type is ConditionType.SPEC_APPLIED), None)


def test_whether_the_spec_is_applied_is_what_provision_and_verify_found():
    """A verification that did not get through says nothing, a provision job that did not says Unknown."""
    applied = cluster_status.conditions([], ended(a=HostResult()))
    drifted = cluster_status.conditions(
        applied, msgspec.structs.replace(ended(job_type=JobType.VERIFY), drift="1")
    )
    stuck = cluster_status.conditions(drifted, ended(JobStatus.FAILED, JobType.VERIFY))
    well = cluster_status.conditions(stuck, msgspec.structs.replace(ended(job_type=JobType.VERIFY), drift=""))
    broken = cluster_status.conditions(well, ended(JobStatus.INTERRUPTED))

    told = [spec_applied(conditions) for conditions in (applied, drifted, stuck, well, broken)]
    assert [(each.status.value, each.reason) for each in told] == [
        ("True", "Applied"),
        ("False", "Drift"),
        ("False", "Drift"),
        ("True", "Verified"),
        ("Unknown", "NotFinished"),
    ]


def test_a_plan_observes_nothing():
    """It may look at nodes that are nothing yet."""
    assert cluster_status.conditions([], ended(job_type=JobType.PLAN, a=HostResult(unreachable=True))) == []


def certificates(days: int, *, of: str = "apiserver", **changes: object) -> EndedRun:
    found = {"c1": (Certificate(name=of, expires_at=NOW + timedelta(days=days)),)}
    return msgspec.structs.replace(ended(a=HostResult()), certificates=found, **changes)


def of_certificates(conditions):
    return next((each for each in conditions if each.type is ConditionType.CERTIFICATES_VALID), None)


def test_certificates_count_as_valid_while_the_first_to_expire_has_thirty_days_left():
    well = of_certificates(cluster_status.conditions([], certificates(31)))
    soon = of_certificates(cluster_status.conditions([], certificates(29)))
    late = of_certificates(cluster_status.conditions([], certificates(-1, of="etcd-peer")))

    told = [(each.status.value, each.reason, each.message) for each in (well, soon, late)]
    assert told == [
        ("True", "Verified", "First to expire: apiserver on c1, 2026-02-01."),
        ("False", "ExpiresSoon", "First to expire: apiserver on c1, 2026-01-30."),
        ("False", "Expired", "First to expire: etcd-peer on c1, 2025-12-31."),
    ]


def test_certificates_that_nobody_looked_at_again_stop_being_valid_by_themselves():
    seen = of_certificates(cluster_status.conditions([], certificates(365)))

    soon = conditions.seen_at(seen, NOW + timedelta(days=340))
    late = conditions.seen_at(seen, NOW + timedelta(days=366))

    assert conditions.seen_at(seen, NOW + timedelta(days=334)) == seen
    assert (soon.status.value, soon.reason) == ("False", "ExpiresSoon")
    assert soon.last_transition_time == NOW + timedelta(days=335)
    assert late.reason == "Expired"


def test_certificates_are_looked_at_by_verify_and_provision_and_by_no_other_job():
    first = cluster_status.conditions([], certificates(20))
    verified = cluster_status.conditions(first, certificates(400, job_type=JobType.VERIFY))
    unseen = cluster_status.conditions(verified, ended(JobStatus.FAILED, JobType.VERIFY))
    planned = cluster_status.conditions(unseen, certificates(1, job_type=JobType.PLAN))
    gone = cluster_status.conditions(planned, ended(job_type=DEPROVISION))

    told = [of_certificates(found) for found in (first, verified, unseen, planned, gone)]
    assert [each.status.value for each in told] == ["False", "True", "True", "True", "False"]
    assert (told[-1].reason, told[-1].expires_at) == ("Deprovisioned", None)


HARDENED = ConditionType.NODES_HARDENED
WANTED = Hardening(enable_cis_linux_benchmark=True)


def hardened(before, status=JobStatus.SUCCESS, job_type=JobType.HARDEN, *, asked=WANTED, failing=None):
    """The condition after a run, as status and reason; None without one."""
    run = msgspec.structs.replace(ended(status, job_type, a=HostResult()), hardening=asked, failing=failing)
    after = cluster_status.conditions(before, run)
    found = next((each for each in after if each.type is HARDENED), None)
    return after, found and (found.status, found.reason)


def test_whether_nodes_are_hardened_is_told_by_who_applied_it_and_by_who_looked():
    after, said = hardened([], job_type=PROVISION)
    assert said == (ConditionStatus.TRUE, "Applied")

    after, said = hardened(after, JobStatus.FAILED)
    assert said == (ConditionStatus.UNKNOWN, "NotFinished")

    after, said = hardened(after, job_type=JobType.SCAN, failing={"openscap": 2, "kube-bench": 0})
    assert said == (ConditionStatus.FALSE, "ItemsFail")
    assert next(each.message for each in after if each.type is HARDENED).endswith("openscap: 2.")

    after, said = hardened(after, JobStatus.FAILED, JobType.SCAN)
    assert said == (ConditionStatus.FALSE, "ItemsFail")  # nobody looked since

    after, said = hardened(after, failing={"openscap": 0})
    assert said == (ConditionStatus.TRUE, "Scanned")

    after, said = hardened(after, job_type=JobType.ROTATE_ENCRYPTION_KEY)
    assert said == (ConditionStatus.TRUE, "Scanned")

    _, said = hardened(after, job_type=PROVISION, asked=Hardening())
    assert said == (ConditionStatus.FALSE, cluster_status.NOT_WANTED)

    _, said = hardened(after, job_type=DEPROVISION)
    assert said == (ConditionStatus.FALSE, "Deprovisioned")


@pytest.mark.parametrize("job_type", [PROVISION, DEPROVISION, JobType.SCAN, JobType.VERIFY])
def test_of_hardening_that_nobody_asked_for_nothing_is_said(job_type):
    assert hardened([], job_type=job_type, asked=Hardening(), failing={"openscap": 100})[1] is None


@pytest.mark.parametrize("status", [JobStatus.SUCCESS, JobStatus.FAILED, JobStatus.INTERRUPTED])
@pytest.mark.parametrize("job_type", [JobType.HARDEN, JobType.SCAN, JobType.ROTATE_ENCRYPTION_KEY])
def test_jobs_on_a_cluster_that_is_there_leave_its_nodes_status(job_type, status):
    """What such a job leaves is told by the job and by conditions."""
    lost = ended(status, job_type, a=HostResult(unreachable=True))

    assert cluster_status.node_status(NodeStatus.READY, "a", lost) is NodeStatus.READY
    assert ConditionType.CONTROL_PLANE_AVAILABLE not in {
        each.type for each in cluster_status.conditions([], lost)
    }
