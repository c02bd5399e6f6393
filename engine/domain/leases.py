"""How long a run may go on without showing life, and who acts on its silence in which order."""

from __future__ import annotations

from typing import Self

import msgspec

from engine.domain.errors import MisconfiguredServer

DEFAULT_SECONDS = 180.0
_SHORTEST_SECONDS = 2.0


class LeaseTimes(msgspec.Struct, frozen=True, kw_only=True):
    """All in seconds, each measured by one process on its own clock that only goes forward.

    After the last renewal that got through: when `patience` is over the supervisor ends its run, when the
    `leash` is over the run is killed whatever its supervisor does, and only when the `lease` is over may
    another worker declare it dead.

    Raises MisconfiguredServer when they are not in that order.
    """

    lease: float = DEFAULT_SECONDS
    leash: float = 165.0
    patience: float = 150.0
    renew: float = 5.0

    def __post_init__(self) -> None:
        if not 0 < 2 * self.renew <= self.patience < self.leash < self.lease:
            raise MisconfiguredServer(
                f"A lease of {self.lease} s does not go with a leash of {self.leash} s, {self.patience} s of "
                f"patience and a renewal each {self.renew} s.",
                remedy="Twice the renewal ≤ patience < leash < lease.",
            )

    @classmethod
    def of(cls, lease: float) -> Self:
        """The others in their usual proportion to a lease of this length."""
        if lease < _SHORTEST_SECONDS:
            raise MisconfiguredServer(
                f"KEELYARD_LEASE_SECONDS is {lease:g}.",
                remedy=f"At least {_SHORTEST_SECONDS:g}, usually 180.",
            )
        return cls(lease=lease, leash=lease * 11 / 12, patience=lease * 10 / 12, renew=min(5.0, lease / 12))
