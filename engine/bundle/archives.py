"""Which images a bundle carries, in which archive, and how each is put together from built components."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from engine.bundle import debian_root, images
from engine.bundle.cache import key_of
from engine.bundle.manifest import ImageEntry
from engine.domain.catalogue import Release

_RECIPE = "1"
_EVERYWHERE = ("control-plane", "node")


class _Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """One image: programs by component and their place in it."""

    name: str
    programs: Mapping[str, tuple[str, str]]  # program -> (component, path in the image)
    entrypoint: str = ""
    on_debian: bool = False


class Archive(msgspec.Struct, frozen=True, kw_only=True):
    """One archive file below `images/` and the roles of the nodes that load it."""

    name: str
    roles: tuple[str, ...]
    recipes: tuple[_Recipe, ...]

    @property
    def file(self) -> str:
        """Its path in the bundle."""
        return f"images/{self.name}.tar"

    @property
    def components(self) -> tuple[str, ...]:
        """The components it is made of, sorted."""
        used = {component for recipe in self.recipes for component, _ in recipe.programs.values()}
        return tuple(sorted({"debian-root", *used}))

    def entries(self, release: Release) -> list[ImageEntry]:
        """Its images as the manifest lists them."""
        references = release.images()
        return [ImageEntry(references[recipe.name], self.file, self.roles) for recipe in self.recipes]


def _static(name: str, component: str, *, start: bool = False, also: Iterable[str] = ()) -> _Recipe:
    programs = {program: (component, f"/usr/local/bin/{program}") for program in (name, *also)}
    return _Recipe(name=name, programs=programs, entrypoint=f"/usr/local/bin/{name}" if start else "")


ARCHIVES = (
    Archive(
        name="control-plane",
        roles=("control-plane",),
        recipes=(
            _static("kube-apiserver", "kubernetes"),
            _static("kube-controller-manager", "kubernetes"),
            _static("kube-scheduler", "kubernetes"),
            _static("etcd", "etcd", also=("etcdctl", "etcdutl")),
        ),
    ),
    Archive(
        name="node",
        roles=_EVERYWHERE,
        recipes=(
            _Recipe(
                name="pause",
                programs={"pause": ("pause", "/usr/local/bin/pause")},
                entrypoint="/usr/local/bin/pause",
            ),
            _Recipe(
                name="kube-proxy",
                programs={"kube-proxy": ("kubernetes", "/usr/local/bin/kube-proxy")},
                on_debian=True,
            ),
            _static("coredns", "coredns", start=True),
        ),
    ),
    Archive(
        name="flannel",
        roles=_EVERYWHERE,
        recipes=(
            _Recipe(
                name="flannel",
                # The place and name flannel's own manifests call.
                programs={"flannel": ("flannel", "/opt/bin/flanneld")},
                entrypoint="/opt/bin/flanneld",
                on_debian=True,
            ),
        ),
    ),
    Archive(name="probe", roles=_EVERYWHERE, recipes=(_static("probe", "probe", start=True),)),
)


def key(archive: Archive, component_keys: Mapping[str, str], release: Release) -> str:
    """Cache key of `archive`: the components in it and the references it answers to."""
    used = [f"{name}={component_keys[name]}" for name in archive.components]
    return key_of([_RECIPE, archive.name, *used, *(entry.reference for entry in archive.entries(release))])


def build(archive: Archive, release: Release, folders: Mapping[str, Path], into: Path) -> None:
    """Writes `archive` into folder `into`; `folders` holds the built components by name."""
    root = folders["debian-root"] / debian_root.ARCHIVE
    base = images.write_layer(into / "base.layer", images.base_entries(debian_root.certificates(root)))
    layers = [base]
    if any(recipe.on_debian for recipe in archive.recipes):
        layers.append(images.write_layer(into / "debian.layer", debian_root.layer_entries(root)))
    made = []
    for recipe in archive.recipes:
        programs = [
            images.program(folders[component] / program, place)
            for program, (component, place) in recipe.programs.items()
        ]
        top = images.write_layer(into / f"{recipe.name}.layer", programs)
        below = layers[-1] if recipe.on_debian else base
        entrypoint = (recipe.entrypoint,) if recipe.entrypoint else ()
        reference = release.images()[recipe.name]
        made.append(images.Image(reference=reference, layers=(below, top), entrypoint=entrypoint))
        layers.insert(0, top)
    images.write_archive(into / f"{archive.name}.tar", made)
    for layer in layers:
        layer.file.unlink()
