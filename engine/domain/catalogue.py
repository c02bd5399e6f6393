"""The one version catalogue: what each supported Kubernetes release is laid down with.

The etcd, CoreDNS and pause versions are those kubeadm of the same release asks for; a role that named others
would make an air-gapped node look for an image it does not have. Roles get them as `keelyard_versions`.
"""

from __future__ import annotations

import datetime

import msgspec

IMAGE_REPOSITORY = "registry.k8s.io"
ARCHITECTURE = "amd64"


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """One Kubernetes release and everything that goes with it. Versions carry no leading "v"."""

    kubernetes: str
    end_of_life: datetime.date
    etcd: str
    etcd_image_tag: str
    coredns: str
    pause: str
    containerd: str = "2.3.7"
    runc: str = "1.4.3"
    cni_plugins: str = "1.9.1"
    crictl: str = "1.36.0"
    flannel: str = "0.28.4"
    flannel_cni: str = "1"  # our own plugin, counted by us
    probe: str = "1"
    kube_bench: str = "0.15.6"

    @property
    def minor(self) -> str:
        """`1.36` of `1.36.4`."""
        return self.kubernetes.rpartition(".")[0]

    def versions(self) -> dict[str, str]:
        """Versions by name, as playbooks receive them in `keelyard_versions`."""
        return {name: getattr(self, name) for name in VERSIONED}

    def images(self) -> dict[str, str]:
        """Image references by short name, equal to what kubeadm and the roles ask for."""
        kubernetes = {
            name: f"{IMAGE_REPOSITORY}/{name}:v{self.kubernetes}"
            for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy")
        }
        return kubernetes | {
            "etcd": f"{IMAGE_REPOSITORY}/etcd:{self.etcd_image_tag}",
            "coredns": f"{IMAGE_REPOSITORY}/coredns/coredns:v{self.coredns}",
            "pause": f"{IMAGE_REPOSITORY}/pause:{self.pause}",
            "flannel": f"ghcr.io/flannel-io/flannel:v{self.flannel}",
            "probe": f"keelyard.local/probe:{self.probe}",
        }

    def is_past_end_of_life(self, today: datetime.date) -> bool:
        """Whether upstream has stopped mending this minor."""
        return today > self.end_of_life


VERSIONED = (
    "kubernetes",
    "etcd",
    "etcd_image_tag",
    "coredns",
    "pause",
    "containerd",
    "runc",
    "cni_plugins",
    "crictl",
    "flannel",
    "flannel_cni",
    "probe",
    "kube_bench",
)

RELEASES: tuple[Release, ...] = (
    Release(
        kubernetes="1.36.4",
        end_of_life=datetime.date(2027, 6, 28),
        etcd="3.6.8",
        etcd_image_tag="3.6.8-0",
        coredns="1.14.2",
        pause="3.10.2",
    ),
    Release(
        kubernetes="1.37.1",
        end_of_life=datetime.date(2027, 10, 28),
        etcd="3.7.0",
        etcd_image_tag="3.7.0-0",
        coredns="1.14.6",
        pause="3.10.2",
    ),
)

DEFAULT = RELEASES[0]


def find(version: str) -> Release | None:
    """The release of `version` (`1.36.4`, `v1.36.4` or the minor `1.36`); None when it is not supported."""
    wanted = version.removeprefix("v")
    return next((release for release in RELEASES if wanted in {release.kubernetes, release.minor}), None)


def supported() -> list[str]:
    """Every supported Kubernetes version, the default first."""
    return [release.kubernetes for release in RELEASES]
