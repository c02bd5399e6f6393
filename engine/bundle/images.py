"""Container images from files: OCI archives written byte for byte the same from the same input.

An archive is an OCI image layout in a tar file, as `ctr images import` reads it; several images share blobs.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Protocol, cast

import msgspec

PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_INDEX = "application/vnd.oci.image.index.v1+json"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
_USERS = "root:x:0:0:root:/root:/sbin/nologin\nnobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin\n"
_GROUPS = "root:x:0:\nnobody:x:65534:\n"
_SKELETON = ("dev", "etc", "etc/ssl", "etc/ssl/certs", "proc", "root", "run", "sys", "usr", "usr/local")


type Entry = tuple[tarfile.TarInfo, bytes]


class Layer(msgspec.Struct, frozen=True):
    """A compressed layer file with the digests of its two forms (hex)."""

    file: Path
    digest: str
    diff_id: str


class Image(msgspec.Struct, frozen=True, kw_only=True):
    """One image: the references it answers to, its layers bottom first, and how it starts."""

    reference: str
    layers: tuple[Layer, ...]
    entrypoint: tuple[str, ...] = ()
    created: str = "1970-01-01T00:00:00Z"


def _plain(name: str, mode: int) -> tarfile.TarInfo:
    """An entry without the time, owner and machine it was made by."""
    entry = tarfile.TarInfo(name)
    entry.mode = mode
    return entry


def folder(name: str, mode: int = 0o755) -> Entry:
    """A directory entry."""
    entry = _plain(name, mode)
    entry.type = tarfile.DIRTYPE
    return entry, b""


def link(name: str, target: str) -> Entry:
    """A symbolic link entry."""
    entry = _plain(name, 0o777)
    entry.type = tarfile.SYMTYPE
    entry.linkname = target
    return entry, b""


def regular(name: str, content: bytes, mode: int = 0o644) -> Entry:
    """A file entry."""
    entry = _plain(name, mode)
    entry.size = len(content)
    return entry, content


def base_entries(certificates: bytes) -> Iterator[Entry]:
    """What every image holds: the usual folders, two users, certificate authorities."""
    yield from (folder(name, 0o700 if name == "root" else 0o755) for name in _SKELETON)
    yield folder("tmp", 0o1777)
    yield folder("usr/local/bin")
    yield regular("etc/passwd", _USERS.encode())
    yield regular("etc/group", _GROUPS.encode())
    yield regular("etc/nsswitch.conf", b"hosts: files dns\n")
    yield regular("etc/ssl/certs/ca-certificates.crt", certificates)


def program(source: Path, at: str) -> Entry:
    """An executable at path `at` of the image."""
    return regular(at.lstrip("/"), source.read_bytes(), 0o755)


class _Sink(Protocol):
    def write(self, data: bytes, /) -> object: ...


class _Hashing:
    """Passes writes on and keeps their SHA-256."""

    def __init__(self, sink: _Sink) -> None:
        self._sink = sink
        self.digest = hashlib.sha256()

    def write(self, data: bytes, /) -> int:
        self.digest.update(data)
        self._sink.write(data)
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""


def write_layer(file: Path, entries: Iterable[Entry]) -> Layer:
    """Writes one gzip layer of `entries`, sorted by name (so parents come first), and returns it."""
    ordered = sorted(entries, key=lambda entry: entry[0].name)
    with file.open("wb") as raw:
        compressed = _Hashing(raw)
        with gzip.GzipFile("", "wb", 6, compressed, mtime=0) as zipped:
            plain = _Hashing(zipped)
            # Stream mode: it never looks back, so the digests see every byte once.
            with tarfile.open(
                fileobj=cast(IO[bytes], plain), mode="w|", format=tarfile.PAX_FORMAT
            ) as archive:
                for entry, content in ordered:
                    archive.addfile(entry, io.BytesIO(content))
    return Layer(file, compressed.digest.hexdigest(), plain.digest.hexdigest())


def _encode(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _descriptor(media_type: str, content: bytes) -> dict[str, object]:
    return {
        "mediaType": media_type,
        "digest": f"sha256:{hashlib.sha256(content).hexdigest()}",
        "size": len(content),
    }


def _config_of(image: Image) -> bytes:
    settings: dict[str, object] = {"Env": [PATH]}
    if image.entrypoint:
        settings["Entrypoint"] = list(image.entrypoint)
    return _encode(
        {
            "architecture": "amd64",
            "os": "linux",
            "created": image.created,
            "config": settings,
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer.diff_id}" for layer in image.layers]},
            "history": [{"created": image.created, "created_by": "keelyard"} for _ in image.layers],
        }
    )


def _manifest_of(image: Image, config: bytes) -> bytes:
    layers = [
        {"mediaType": _LAYER, "digest": f"sha256:{layer.digest}", "size": layer.file.stat().st_size}
        for layer in image.layers
    ]
    described = {"schemaVersion": 2, "mediaType": _MANIFEST}
    return _encode(described | {"config": _descriptor(_CONFIG, config), "layers": layers})


def write_archive(file: Path, images: Iterable[Image]) -> None:
    """Writes the OCI archive of `images`; each blob once."""
    blobs: dict[str, bytes | Path] = {}
    listed = []
    for image in images:
        config = _config_of(image)
        manifest = _manifest_of(image, config)
        blobs.update({layer.digest: layer.file for layer in image.layers})
        blobs.update({hashlib.sha256(blob).hexdigest(): blob for blob in (config, manifest)})
        names = {
            "io.containerd.image.name": image.reference,
            "org.opencontainers.image.ref.name": image.reference.rpartition(":")[2],
        }
        platform = {"architecture": "amd64", "os": "linux"}
        listed.append(_descriptor(_MANIFEST, manifest) | {"annotations": names, "platform": platform})
    index = _encode({"schemaVersion": 2, "mediaType": _INDEX, "manifests": listed})
    with tarfile.open(file, "w", format=tarfile.PAX_FORMAT) as archive:
        _add(archive, "oci-layout", _encode({"imageLayoutVersion": "1.0.0"}))
        _add(archive, "index.json", index)
        for digest, blob in sorted(blobs.items()):
            _add(archive, f"blobs/sha256/{digest}", blob)


def _add(archive: tarfile.TarFile, name: str, content: bytes | Path) -> None:
    if isinstance(content, bytes):
        entry, content = regular(name, content)
        archive.addfile(entry, io.BytesIO(content))
        return
    entry = _plain(name, 0o644)
    entry.size = content.stat().st_size
    with content.open("rb") as source:
        archive.addfile(entry, source)
