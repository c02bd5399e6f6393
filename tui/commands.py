"""What can be typed after `:`: where a word leads, what completes a line, what is near a wrong word."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tui import nouns


@dataclass(frozen=True)
class GoTo:
    """The list of a noun, narrowed to a text if there is one."""

    noun: nouns.Noun
    needle: str = ""


@dataclass(frozen=True)
class OpenOne:
    """One thing of a noun, by its name or id."""

    noun: nouns.Noun
    name: str


@dataclass(frozen=True)
class Do:
    """A command of the terminal, or a key of the screen by its name, with what was typed after it."""

    word: str
    argument: str = ""


Command = GoTo | OpenOne | Do


@dataclass(frozen=True)
class Word:
    """A command that is no noun."""

    name: str
    what: str
    aliases: tuple[str, ...] = ()
    argument: str = ""  # what has to follow; empty for nothing

    def meets(self, typed: str) -> bool:
        """Whether this is meant."""
        return typed == self.name or typed in self.aliases


WORDS = (
    Word("quit", "leave the terminal", ("q", "q!", "exit")),
    Word("help", "the keys and what they do", ("h", "?")),
    Word("theme", "other colours", argument="NAME"),
    Word("profile", "another server", ("ctx", "context"), argument="NAME"),
    Word("logout", "revoke and forget this sign-in", ("signout",)),
    Word("export", "save what the cursor is on", argument="PATH"),
    Word("back", "to the screen before"),
)


class Unknown(ValueError):
    """No such command; the message says what is near."""


@dataclass(frozen=True)
class Grammar:
    """What is understood here and now."""

    offered: Sequence[nouns.Noun]  # those offered to whoever is signed in
    keys: Mapping[str, str]  # name of a key of the screen -> what it does
    arguments: Callable[[str], Sequence[str]]  # noun, or word with an argument -> what may follow

    def read(self, line: str) -> Command:
        """What a line asks for. Raises Unknown."""
        word, _, argument = line.strip().partition(" ")
        if "/" in word and not argument:
            word, _, argument = word.partition("/")  # as in --open jobs/ID
            return self._one(word, argument)
        argument = argument.strip()
        if noun := self._noun(word):
            return self._of_noun(word, noun, argument)
        for known in WORDS:
            if known.meets(word):
                if known.argument and not argument:
                    raise Unknown(f"{known.name} needs a {known.argument}{self._such_as(known.name)}.")
                return Do(known.name, argument)
        if word in self.keys:
            return Do(word, argument)
        raise Unknown(f"There is no command {word!r}.{self._near(word)}")

    def _of_noun(self, word: str, noun: nouns.Noun, argument: str) -> Command:
        if argument and (word == noun.singular or (argument == "new" and noun.create is not None)):
            return OpenOne(noun, argument)
        if noun.screen is not None:
            return GoTo(noun, argument)
        if argument:
            return OpenOne(noun, argument)
        if word in self.keys:
            return Do(word)  # of what the screen shows
        raise Unknown(f"{word} needs the id of one: {word} ID.")

    def _one(self, word: str, key: str) -> Command:
        noun = self._noun(word)
        if noun is None:
            raise Unknown(f"There is no command {word!r}.{self._near(word)}")
        return OpenOne(noun, key) if key else GoTo(noun)

    def _noun(self, word: str) -> nouns.Noun | None:
        return next((noun for noun in self.offered if word == noun.name or word in noun.aliases), None)

    def _such_as(self, word: str) -> str:
        known = self.arguments(word)
        return f": {', '.join(known)}" if known else ""

    def _near(self, word: str) -> str:
        every = {each for each, _ in self.words()}
        every |= {alias for noun in self.offered for alias in noun.aliases}
        near = difflib.get_close_matches(word, sorted(every), n=3, cutoff=0.5)
        return f" Near: {', '.join(near)}." if near else " ? lists the keys, tab the commands."

    def places(self) -> Iterator[tuple[str, str]]:
        """The words that mean the same on every screen, with what they are for; nouns first."""
        for noun in self.offered:
            yield noun.name, noun.what
            if noun.singular and noun.detail is not None:
                yield noun.singular, f"one of {noun.name}, by its name or id"
        yield from ((word.name, word.what) for word in WORDS)

    def words(self) -> Iterator[tuple[str, str]]:
        """Every first word with what it is for, the keys of the screen last."""
        yield from self.places()
        taken = {noun.name for noun in self.offered} | {word.name for word in WORDS}
        yield from ((name, what) for name, what in self.keys.items() if name not in taken)

    def takes_argument(self, word: str) -> bool:
        """Whether something may follow the word."""
        return any(known.meets(word) and known.argument for known in WORDS) or self._noun(word) is not None

    def completions(self, line: str) -> list[str]:
        """The lines that this one may become, best first."""
        word, space, begun = line.lstrip().partition(" ")
        if not space:
            return [each for each, _ in self.words() if each.startswith(word)]
        noun = self._noun(word)
        known = self.arguments(noun.name if noun is not None and word == noun.singular else word)
        if noun is not None and word != noun.singular and not noun.of:
            known = noun.words
        wanted = begun.lstrip().casefold()
        return [f"{word} {each}" for each in known if each.casefold().startswith(wanted)]

    def told(self, word: str) -> str:
        """What a word is for; empty for one that is unknown."""
        if noun := self._noun(word):
            return noun.what
        return dict(self.words()).get(word, "")
