"""`bundle.json`: what a bundle says of itself, and the checksum list beside it."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

import msgspec

from engine.domain.errors import ArtifactRejected

FORMAT = 1
MANIFEST = "bundle.json"
CHECKSUMS = "SHA256SUMS"
SIGNATURE = "SHA256SUMS.sig"

_LINE = re.compile(r"([0-9a-f]{64})  ([^\s\\]+)")


class ComponentEntry(msgspec.Struct, frozen=True):
    """One component: where it came from (`keelyard` for our own programs)."""

    name: str
    version: str
    source: str


class ImageEntry(msgspec.Struct, frozen=True):
    """One image: the archive it is in and the nodes that need it."""

    reference: str
    file: str
    roles: tuple[str, ...]


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The content of `bundle.json`. `files` maps each path but the three of this module to its SHA-256."""

    format: int
    kubernetes_version: str
    architecture: str
    created_at: str
    components: tuple[ComponentEntry, ...]
    files: dict[str, str]
    images: tuple[ImageEntry, ...]

    def encode(self) -> bytes:
        """The file's bytes: JSON, indented, keys of `files` sorted."""
        ordered = msgspec.structs.replace(self, files=dict(sorted(self.files.items())))
        return msgspec.json.format(msgspec.json.encode(ordered), indent=2) + b"\n"

    def is_same_content(self, other: Manifest) -> bool:
        """Whether both describe the same bundle, made at whatever time."""
        return msgspec.structs.replace(self, created_at=other.created_at) == other


def decode(content: bytes) -> Manifest:
    """The manifest in `content`.

    Raises:
        ArtifactRejected: not a manifest, or of a format this Keelyard does not know.
    """
    try:
        manifest = msgspec.json.decode(content, type=Manifest)
    except msgspec.MsgspecError as error:
        raise ArtifactRejected(
            f"{MANIFEST} cannot be read: {error}.", remedy="Fetch the bundle again."
        ) from error
    if manifest.format != FORMAT:
        raise ArtifactRejected(
            f"The bundle has format {manifest.format}, this Keelyard reads format {FORMAT}.",
            remedy="Build the bundle again with this version of Keelyard.",
        )
    return manifest


def encode_checksums(checksums: dict[str, str]) -> bytes:
    """`SHA256SUMS` as `sha256sum -c` reads it, sorted by path."""
    return "".join(f"{checksum}  {path}\n" for path, checksum in sorted(checksums.items())).encode()


def decode_checksums(content: bytes) -> dict[str, str]:
    """Checksum by path.

    Raises:
        ArtifactRejected: a line that is no checksum, a path that leaves the bundle, or one named twice.
    """
    checksums: dict[str, str] = {}
    for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
        matched = _LINE.fullmatch(line)
        if not matched or not _stays_inside(matched[2]) or matched[2] in checksums:
            raise ArtifactRejected(
                f"{CHECKSUMS} line {number} is not a checksum of one file of the bundle.",
                remedy="Fetch the bundle again.",
            )
        checksums[matched[2]] = matched[1]
    return checksums


def _stays_inside(path: str) -> bool:
    return (
        not path.startswith("/")
        and ".." not in PurePosixPath(path).parts
        and str(PurePosixPath(path)) == path
    )
