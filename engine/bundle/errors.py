"""What can go wrong while a bundle is built.

KeelyardError
├── MissingTool    a compiler, library or tool of the build is not installed
└── BuildFailed    a tool of the build ended with an error
"""

from __future__ import annotations

from engine.domain.errors import KeelyardError


class MissingTool(KeelyardError):
    """A compiler, library or tool of the build is not installed."""


class BuildFailed(KeelyardError):
    """A tool of the build ended with an error."""
