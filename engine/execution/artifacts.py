"""Where binaries and images come from: official repositories or a verified bundle."""

from __future__ import annotations

import enum
import socket
from collections.abc import Callable

import msgspec

from engine.domain.errors import ArtifactRejected

UPSTREAM_HOST = "pkgs.k8s.io"
PROBE_SECONDS = 3.0


class ArtifactsChoice(enum.StrEnum):
    """What the operator asked for."""

    AUTO = "auto"
    UPSTREAM = "upstream"
    BUNDLE = "bundle"


class Artifacts(msgspec.Struct, frozen=True, kw_only=True):
    """Where nodes get their software from. `bundle_digest` is the SHA-256 (hex) of a SHA256SUMS whose
    signature held.
    """

    source: ArtifactsChoice  # UPSTREAM or BUNDLE
    bundle_path: str = ""
    bundle_digest: str = ""


def upstream() -> Artifacts:
    """Official, signed package repositories and registries."""
    return Artifacts(source=ArtifactsChoice.UPSTREAM)


def bundle(path: str, digest: str) -> Artifacts:
    """A bundle directory on this machine whose signature the caller has verified.

    Raises ArtifactRejected when the digest is missing: an unverified bundle is never used.
    """
    if len(digest) != 64:
        raise ArtifactRejected(
            f"The bundle at {path} has not been verified.", remedy="Run `keelyard bundle verify`."
        )
    return Artifacts(source=ArtifactsChoice.BUNDLE, bundle_path=path, bundle_digest=digest)


def choose(
    choice: ArtifactsChoice,
    verified_bundle: Callable[[], Artifacts],
    *,
    upstream_answers: Callable[[], bool] | None = None,
) -> Artifacts:
    """The artifacts for a run: `auto` is upstream where it answers within 3 s, else the bundle.

    `verified_bundle` verifies and names the bundle; it is called only when the bundle is needed.
    """
    if choice is ArtifactsChoice.BUNDLE:
        return verified_bundle()
    if choice is ArtifactsChoice.UPSTREAM or (upstream_answers or upstream_reachable)():
        return upstream()
    return verified_bundle()


def upstream_reachable(host: str = UPSTREAM_HOST, port: int = 443, timeout: float = PROBE_SECONDS) -> bool:
    """Whether the official package host accepts connections within `timeout` seconds."""
    try:
        with socket.create_connection((host, port), timeout=timeout):
            return True
    except OSError:
        return False
