"""The catalogue, the pinned sources and the archives agree with each other."""

from __future__ import annotations

import datetime
import re

import pytest

from engine.bundle import archives, compiling, parts
from engine.bundle.components import go_components
from engine.domain import catalogue
from engine.domain.catalogue import Release

releases = pytest.mark.parametrize("release", catalogue.RELEASES, ids=lambda release: release.kubernetes)


@pytest.mark.parametrize("asked", ["1.36", "1.36.4", "v1.36.4"])
def test_a_release_is_found_by_minor_and_by_version(asked: str) -> None:
    found = catalogue.find(asked)

    assert found is not None
    assert found.kubernetes == "1.36.4"


@pytest.mark.parametrize("asked", ["1.28.3", "1.36.3", "", "latest", "1", "v"])
def test_what_is_not_in_the_catalogue_is_not_found(asked: str) -> None:
    assert catalogue.find(asked) is None


def test_minors_are_unique_and_the_default_is_among_them() -> None:
    minors = [release.minor for release in catalogue.RELEASES]

    assert len(set(minors)) == len(minors)
    assert catalogue.DEFAULT.kubernetes in catalogue.supported()


def test_end_of_life_begins_the_day_after() -> None:
    last = catalogue.DEFAULT.end_of_life

    assert not catalogue.DEFAULT.is_past_end_of_life(last)
    assert catalogue.DEFAULT.is_past_end_of_life(last + datetime.timedelta(days=1))


@releases
def test_playbooks_get_every_version_as_text(release: Release) -> None:
    versions = release.versions()

    assert versions["kubernetes"] == release.kubernetes
    assert all(value and not value.startswith("v") for value in versions.values())


@releases
def test_each_component_has_a_folder_that_pins_its_version(release: Release) -> None:
    for component in go_components(release):
        module = (component.folder / "go.mod").read_text()
        if component.origin == "keelyard":
            assert (component.folder / "main.go").is_file()
            continue
        name, _, version = component.origin.partition("@")
        assert re.search(rf"{re.escape(name)} {re.escape(version)}\b", module), component.name
        assert name in (component.folder / "go.sum").read_text()


@releases
def test_every_image_is_in_one_archive_under_the_name_kubeadm_asks_for(release: Release) -> None:
    listed = [entry.reference for archive in archives.ARCHIVES for entry in archive.entries(release)]

    assert sorted(listed) == sorted(release.images().values())
    assert f"registry.k8s.io/kube-apiserver:v{release.kubernetes}" in listed
    assert f"registry.k8s.io/coredns/coredns:v{release.coredns}" in listed


@releases
def test_every_archive_is_made_of_parts_that_exist(release: Release) -> None:
    names = {part.name for part in parts.all_parts(release)}

    assert all(set(archive.components) <= names for archive in archives.ARCHIVES)


def test_an_archive_is_made_again_when_a_part_of_it_changes() -> None:
    keys = {part.name: part.key for part in parts.all_parts(catalogue.DEFAULT)}
    probe = next(archive for archive in archives.ARCHIVES if archive.name == "probe")
    before = archives.key(probe, keys, catalogue.DEFAULT)

    assert archives.key(probe, keys | {"etcd": "other"}, catalogue.DEFAULT) == before
    assert archives.key(probe, keys | {"probe": "other"}, catalogue.DEFAULT) != before


def test_keys_differ_between_components_and_releases() -> None:
    keys = {
        compiling.key(component)
        for release in catalogue.RELEASES
        for component in go_components(release)
        if component.name == "kubernetes"
    }

    assert len(keys) == len(catalogue.RELEASES)
