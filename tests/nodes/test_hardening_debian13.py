"""The story of hardening (`test_hardening`), told once more on Debian 13 nodes: too long for CI."""

from __future__ import annotations

import pytest

from engine import lab
from tests.nodes.test_hardening import *  # noqa: F403 - its chapters and what they need
from tests.nodes.test_hardening import NAME

pytestmark = [pytest.mark.nodes, pytest.mark.full]


@pytest.fixture(scope="module")
def yard():
    """Two nodes; a third one comes at the end."""
    try:
        yield lab.up(NAME, nodes=2, system="debian13")
    finally:
        lab.down(NAME)
