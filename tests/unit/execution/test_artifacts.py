import pytest

from engine.domain.errors import ArtifactRejected
from engine.execution import artifacts
from engine.execution.artifacts import Artifacts, ArtifactsChoice

BUNDLE = artifacts.bundle("/bundle", "a" * 64)


def refuse() -> Artifacts:
    raise AssertionError("the bundle is not needed")


def test_auto_takes_upstream_where_it_answers_and_leaves_the_bundle_alone() -> None:
    assert (
        artifacts.choose(ArtifactsChoice.AUTO, refuse, upstream_answers=lambda: True) == artifacts.upstream()
    )


def test_auto_takes_the_bundle_where_upstream_is_silent() -> None:
    assert artifacts.choose(ArtifactsChoice.AUTO, lambda: BUNDLE, upstream_answers=lambda: False) == BUNDLE


def test_an_explicit_choice_asks_nobody() -> None:
    assert artifacts.choose(ArtifactsChoice.UPSTREAM, refuse) == artifacts.upstream()
    assert artifacts.choose(ArtifactsChoice.BUNDLE, lambda: BUNDLE) == BUNDLE


def test_a_bundle_that_nobody_verified_is_refused() -> None:
    with pytest.raises(ArtifactRejected, match="not been verified"):
        artifacts.bundle("/bundle", "")
