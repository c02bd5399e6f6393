"""One deed on several things: what was done, what was refused, what was not tried any more."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from tui import errors

#: After these the next request would fare no better.
_ENDS = (errors.SessionEnded, errors.Unreachable, errors.TooManyRequests)


@dataclass
class Outcome:
    """Names, each with what the server said of it."""

    done: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    refused: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    untried: list[str] = field(default_factory=list[str])

    @property
    def complete(self) -> bool:
        """Whether everything was done."""
        return not self.refused and not self.untried

    def lines(self) -> list[str]:
        """One line each: what was not done first."""
        return [
            *(f"✗ {name}: {why}" for name, why in self.refused),
            *(f"○ {name}: not tried" for name in self.untried),
            *(f"● {name}: {said}" for name, said in self.done),
        ]


async def each[T](
    things: Sequence[T], called: Callable[[T], str], do: Callable[[T], Awaitable[str]]
) -> Outcome:
    """Does it to one after the other, past refusals; stops where no answer is to be had."""
    outcome = Outcome()
    for place, thing in enumerate(things):
        try:
            outcome.done.append((called(thing), await do(thing)))
        except _ENDS as end:
            outcome.refused.append((called(thing), str(end)))
            outcome.untried += [called(other) for other in things[place + 1 :]]
            break
        except errors.ApiError as refused:
            outcome.refused.append((called(thing), str(refused)))
    return outcome


def named(names: Sequence[str], most: int = 12) -> str:
    """Names in one sentence, the last ones as a number when they are many."""
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
