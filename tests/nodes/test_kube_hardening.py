"""Hardening of a control plane that runs, where it goes wrong: what a dry run leaves, what a node takes back
by itself when the new configuration does not come up, and what becomes of secrets older than their key.

The tests tell one story in order on one node.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Callable, Iterator

import psutil
import pytest

from engine import lab
from tests.nodes.roles_support import Run, Yard

pytestmark = pytest.mark.nodes

NAME = f"khard{os.getpid() % 10000}"
SCANS = "scan-kubernetes,scan-openscap,scan-lynis"
CANARY = "canary-of-an-older-secret"
MANIFESTS = "/etc/kubernetes/manifests"
GUARD = "/var/lib/keelyard/static-pods"
UNIT = "keelyard-static-pods.service"
KUBELET_CONFIG = "/var/lib/kubelet/config.yaml"
KUBELET_BEFORE = "/var/lib/keelyard/kubelet-config.before"
OURS = "/etc /usr/local /var/lib/keelyard /var/lib/pam /var/lib/kubelet/config.yaml"
#: What a dry run leaves as it is: files, units, accounts, packages, mounts, kernel settings, processes.
STATE = f"""
find {OURS} /usr /opt /root -xdev '(' -path /root/.ansible -o -path /root/.kube ')' -prune \\
    -o -printf '%y %m %u:%g %p %l\\n'
find {OURS} -xdev -type f -exec sha256sum {{}} +
systemctl list-unit-files --no-legend --type=service,timer,socket,mount
systemctl list-units --no-legend --plain --state=active --type=timer,socket | cut -d' ' -f1
systemctl show -p MainPID containerd kubelet ssh
dpkg-query -W
findmnt -rn -o TARGET,OPTIONS / /tmp /dev/shm /proc
sysctl net.ipv4.conf.all net.ipv4.conf.default kernel.randomize_va_space fs.suid_dumpable
nft list tables | grep keelyard || true
pgrep -x 'kube-.*|etcd'
"""
#: No namespace can have such a name: the API server refuses to start with it.
WRONG = json.dumps({"kube_hardening_exempt_namespaces": ["kube_system"], "kube_hardening_seconds": 45})
CONTROL_PLANE = ("--tags", "harden-control-plane", "-e", WRONG)

type Eventually = Callable[..., None]


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    """A control plane alone, which is not hardened yet, with a secret in it."""
    try:
        yard = Yard(lab.up(NAME, nodes=1), tmp_path_factory.mktemp("kube-hardening"))
        yard.variables["keelyard_cni"] = "bridge"
        yard.play().assert_healthy()
        yard.kubectl(f"create secret generic older --from-literal=password={CANARY}")
        yard.variables["keelyard_enable_cis_k8s_benchmark"] = True
        yield yard
    finally:
        lab.down(NAME)


def harden(yard: Yard, *arguments: str) -> Run:
    return yard.play("--skip-tags", SCANS, *arguments, playbook="harden.yml")


def on(yard: Yard, command: str, *, check: bool = True) -> str:
    return yard.on(yard.control_plane, command, check=check)


def control_plane(yard: Yard) -> str:
    """What the control plane is run by."""
    return on(yard, f"cd {MANIFESTS} && sha256sum * && ls /etc/kubernetes/hardening/admission.yaml || true")


def guard_state(yard: Yard) -> str:
    return str(json.loads(on(yard, f"cat {GUARD}/status.json", check=False) or "{}").get("state", ""))


def in_etcd(yard: Yard) -> str:
    """The older secret as it lies there, as far as it is text."""
    pki = "/etc/kubernetes/pki/etcd"
    files = f"--cacert={pki}/ca.crt --cert={pki}/healthcheck-client.crt --key={pki}/healthcheck-client.key"
    get = f"etcdctl --endpoints=https://127.0.0.1:2379 {files} get --print-value-only /registry/secrets"
    etcd = "crictl exec $(crictl ps --state running --name '^etcd$' --quiet)"
    return on(yard, f"{etcd} {get}/default/older | tr -cd '[:print:]'")


@contextlib.contextmanager
def changing(yard: Yard, eventually: Eventually) -> Iterator[subprocess.Popen[str]]:
    """A harden run in the moment in which the guard has put a manifest in place that does not come up."""
    placed = f"grep -q admission-control-config-file {MANIFESTS}/kube-apiserver.yaml && echo yes"
    with subprocess.Popen(
        yard.command("harden.yml", *CONTROL_PLANE),
        env=yard.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as running:
        try:
            eventually(
                lambda: on(yard, placed, check=False) == "yes" and guard_state(yard) == "applying", 120
            )
            yield running
        finally:
            kill(running)


def kill(running: subprocess.Popen[str]) -> None:
    """Kills Ansible with everything it started, at once."""
    if running.poll() is not None:
        return
    family = psutil.Process(running.pid).children(recursive=True)
    running.kill()
    for process in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    running.wait()


def is_back(yard: Yard, before: str) -> bool:
    """Whether the control plane is what it was, and serves."""
    ended = on(yard, f"test -e {GUARD}/plan.json || echo yes", check=False) == "yes"
    ready = "kubectl --kubeconfig /etc/kubernetes/admin.conf get --raw /readyz"
    return ended and control_plane(yard) == before and on(yard, ready, check=False) == "ok"


def test_a_dry_run_of_both_benchmarks_on_a_stock_node_tells_much_and_changes_nothing(yard: Yard):
    before = on(yard, STATE)

    run = harden(yard, "--check", "-e", "keelyard_enable_cis_linux_benchmark=true")

    run.assert_healthy()
    chapters = {task.removeprefix("CIS ")[:1] for _, task in run.changed if task.startswith("CIS ")}
    assert chapters == set("1234567")
    assert on(yard, STATE).splitlines() == before.splitlines()


def test_a_control_plane_that_does_not_come_up_is_taken_back_without_a_controller(
    yard: Yard, eventually: Eventually
):
    before = control_plane(yard)

    with changing(yard, eventually) as controller:
        kill(controller)

    eventually(lambda: is_back(yard, before), 240)
    assert guard_state(yard) == "rolled-back"


def test_a_guard_that_is_killed_is_followed_by_one_that_takes_it_back_and_the_run_says_so(
    yard: Yard, eventually: Eventually
):
    before = control_plane(yard)

    with changing(yard, eventually) as controller:
        on(yard, f"kill -9 $(systemctl show -p MainPID --value {UNIT})")
        told, _ = controller.communicate(timeout=300)

    assert controller.returncode != 0
    assert "so the node put the old one back, which runs again: kube-apiserver" in " ".join(told.split())
    assert "kube_system" in told
    assert is_back(yard, before)


@pytest.fixture
def restartable(yard: Yard) -> Iterator[None]:
    """A restarted machine has no control groups of before; a lab node has, and its kubelet slows down."""
    place = "/etc/systemd/system/kubelet.service.d/00-restarted.conf"
    left = r"find /sys/fs/cgroup -depth -type d -path */kubepods/* -exec rmdir {} +"
    on(yard, f"printf '%s\\n' [Service] 'ExecStartPre=-{left}' > {place} && systemctl daemon-reload")
    yield
    on(yard, f"rm {place} && systemctl daemon-reload")


def test_a_node_that_restarts_after_its_guard_was_killed_still_takes_it_back(
    yard: Yard, restartable: None, eventually: Eventually
):
    before, started = control_plane(yard), on(yard, "stat -c %Z /proc/1")

    with changing(yard, eventually) as controller:
        kill(controller)
        on(yard, f"kill -9 $(systemctl show -p MainPID --value {UNIT}); systemctl reboot", check=False)

    eventually(lambda: on(yard, "stat -c %Z /proc/1", check=False) not in {"", started}, 120)
    eventually(lambda: is_back(yard, before), 300)
    assert guard_state(yard) == "rolled-back"


def test_a_kubelet_that_does_not_come_up_gets_its_old_configuration_back(yard: Yard, eventually: Eventually):
    """Somebody turned a feature off that a kubelet needs only to be given its serving certificate."""
    kept = on(yard, f"cat {KUBELET_CONFIG}")
    off = "featureGates: {RotateKubeletServerCertificate: false}"
    on(yard, f"echo '{off}' >> {KUBELET_CONFIG} && systemctl restart kubelet")
    before = on(yard, f"sha256sum {KUBELET_CONFIG}")

    run = harden(yard, "--tags", "harden-kubelets", "-e", "kube_hardening_seconds=20")

    assert run.code != 0
    told = " ".join(" ".join(run.messages).split())
    assert "did not come up with its new configuration, so the old one is back" in told
    assert "RotateKubeletServerCertificate" in told
    assert on(yard, f"sha256sum {KUBELET_CONFIG}") == before
    eventually(lambda: on(yard, "curl -sf http://127.0.0.1:10248/healthz", check=False) == "ok", 180)
    assert on(yard, f"ls {KUBELET_BEFORE}", check=False) == ""
    # What a run leaves that is killed before the kubelet is well; the next test goes on from here.
    on(yard, f"umask 077 && cat > {KUBELET_BEFORE} <<'EOF'\n{kept}\nEOF")


def test_secrets_that_are_older_than_their_key_are_encrypted_and_told_to_nobody(yard: Yard):
    assert CANARY in in_etcd(yard)

    run = harden(yard, "--diff")

    run.assert_healthy()
    value = in_etcd(yard)
    assert value.startswith("k8s:enc:secretbox:v1:")
    assert CANARY not in value
    key = on(yard, "sed -n 's/.*secret: //p' /etc/kubernetes/hardening/encryption.yaml")
    assert [secret for secret in (CANARY, key) if secret in run.text] == []
    decoded = yard.kubectl("get secret older -o 'go-template={{.data.password | base64decode}}'")
    assert decoded == CANARY
    assert "featureGates" not in on(yard, f"cat {KUBELET_CONFIG}; ls {KUBELET_BEFORE} || true")


@pytest.mark.parametrize("how", [(), ("--check",)], ids=["run", "dry run"])
def test_a_hardened_control_plane_is_left_as_it_is(yard: Yard, how: tuple[str, ...]):
    harden(yard, *how).assert_unchanged()
