"""Where the nodes of a run get their software from: official artifacts where they answer, else a verified
bundle.
"""

from __future__ import annotations

from pathlib import Path

from engine.bundle import build as bundles
from engine.bundle import verification
from engine.execution import artifacts
from engine.execution.artifacts import Artifacts, ArtifactsChoice


def choose(
    choice: ArtifactsChoice, bundle: Path | None, *, kubernetes: str, public_key: Path | None
) -> Artifacts:
    """What a run takes its software from; a bundle must hold Kubernetes version `kubernetes`.

    `bundle` and `public_key` default to those of KEELYARD_HOME. Raises NotFound or ArtifactRejected about the
    bundle.
    """

    def verified() -> Artifacts:
        found = verification.verify(bundle or bundles.default_path(), public_key, kubernetes=kubernetes)
        return artifacts.bundle(str(found.path.absolute()), found.digest)

    return artifacts.choose(choice, verified)
