"""What a bundle is made of: each component with its source folder, its build flags and its programs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from engine.domain.catalogue import Release

SOURCES = Path(__file__).parent / "sources"
#: The newest benchmark that kube-bench knows; it stands in for the releases after it.
KUBE_BENCH_BENCHMARK = "cis-1.12"

_CNI = "github.com/containernetworking/plugins/plugins"
_CNI_PLUGINS = (
    "ipam/host-local",
    "ipam/static",
    "main/bridge",
    "main/loopback",
    "main/ptp",
    "meta/bandwidth",
    "meta/firewall",
    "meta/portmap",
    "meta/tuning",
)
_KUBERNETES = (
    "kubeadm",
    "kubelet",
    "kubectl",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kube-proxy",
)
_WITHOUT_C = "netgo,osusergo,static_build,no_btrfs,no_devmapper,no_zfs,urfave_cli_no_docs"


class GoComponent(msgspec.Struct, frozen=True, kw_only=True):
    """Programs built from one pinned Go module: `programs` maps the name of each to its import path.

    `data` names what of the module's own files goes along unbuilt.
    """

    name: str
    version: str
    programs: Mapping[str, str]
    origin: str
    cgo: bool = False
    tags: str = ""
    link: tuple[str, ...] = ()
    data: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        """Folder with the `go.mod` and `go.sum` (and for our own programs the source) it is built from."""
        return SOURCES / f"{self.name}-{self.version}"


def _kubernetes(release: Release) -> GoComponent:
    major, minor, _ = release.kubernetes.split(".")
    stamp = {
        "gitVersion": f"v{release.kubernetes}",
        "gitMajor": major,
        "gitMinor": minor,
        "gitCommit": "",
        "gitTreeState": "clean",
    }
    packages = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    return GoComponent(
        name="kubernetes",
        version=release.kubernetes,
        programs={name: f"k8s.io/kubernetes/cmd/{name}" for name in _KUBERNETES},
        origin=f"k8s.io/kubernetes@v{release.kubernetes}",
        tags="grpcnotrace",
        link=tuple(f"-X={package}.{key}={value}" for package in packages for key, value in stamp.items()),
    )


def _containerd(release: Release) -> GoComponent:
    module = "github.com/containerd/containerd/v2"
    return GoComponent(
        name="containerd",
        version=release.containerd,
        programs={n: f"{module}/cmd/{n}" for n in ("containerd", "containerd-shim-runc-v2", "ctr")},
        origin=f"{module}@v{release.containerd}",
        tags=_WITHOUT_C,
        link=(f"-X={module}/version.Version=v{release.containerd}",),
    )


def _etcd(release: Release) -> GoComponent:
    return GoComponent(
        name="etcd",
        version=release.etcd,
        programs={
            "etcd": "go.etcd.io/etcd/server/v3",
            "etcdctl": "go.etcd.io/etcd/etcdctl/v3",
            "etcdutl": "go.etcd.io/etcd/etcdutl/v3",
        },
        origin=f"go.etcd.io/etcd/server/v3@v{release.etcd}",
    )


def _cni_plugins(release: Release) -> GoComponent:
    stamp = "github.com/containernetworking/plugins/pkg/utils/buildversion.BuildVersion"
    return GoComponent(
        name="cni-plugins",
        version=release.cni_plugins,
        programs={path.rpartition("/")[2]: f"{_CNI}/{path}" for path in _CNI_PLUGINS},
        origin=f"github.com/containernetworking/plugins@v{release.cni_plugins}",
        link=(f"-X={stamp}=v{release.cni_plugins}",),
    )


def _single(name: str, version: str, package: str, **options: object) -> GoComponent:
    """A component of one program: its module's root package, or a command of it."""
    module = package.partition("/cmd/")[0]
    build = {"name": name, "version": version, "programs": {name: package}}
    return msgspec.convert(build | {"origin": f"{module}@v{version}"} | options, GoComponent)


def go_components(release: Release) -> list[GoComponent]:
    """Everything the Go client builds for `release`, the longest build first."""
    return [
        _kubernetes(release),
        _containerd(release),
        _single(
            "runc",
            release.runc,
            "github.com/opencontainers/runc",
            cgo=True,
            tags="seccomp,urfave_cli_no_docs,netgo,osusergo",
            link=("-extldflags=-static",),
        ),
        _etcd(release),
        _single(
            "crictl",
            release.crictl,
            "sigs.k8s.io/cri-tools/cmd/crictl",
            link=(f"-X=sigs.k8s.io/cri-tools/pkg/version.Version={release.crictl}",),
        ),
        _cni_plugins(release),
        _single(
            "coredns",
            release.coredns,
            "github.com/coredns/coredns",
            tags="grpcnotrace",
            link=("-X=github.com/coredns/coredns/coremain.GitCommit=",),
        ),
        _single(
            "flannel",
            release.flannel,
            "github.com/flannel-io/flannel",
            cgo=True,
            tags="netgo,osusergo",
            link=(
                f"-X=github.com/flannel-io/flannel/pkg/version.Version=v{release.flannel}",
                "-extldflags=-static",
            ),
        ),
        _single("flannel-cni", release.flannel_cni, ".", origin="keelyard"),
        _single("probe", release.probe, ".", origin="keelyard"),
        _single(
            "kube-bench",
            release.kube_bench,
            "github.com/aquasecurity/kube-bench",
            link=(f"-X=github.com/aquasecurity/kube-bench/cmd.KubeBenchVersion={release.kube_bench}",),
            data=("LICENSE", "cfg/config.yaml", f"cfg/{KUBE_BENCH_BENCHMARK}"),
        ),
    ]
