"""`:` in the terminal: what can be typed here and now, and doing it."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence

from textual import work
from textual.app import App
from textual.binding import ActiveBinding
from textual.screen import Screen

from tui import commands, connecting, directory, errors, messages, nouns, text
from tui.client import Client
from tui.dress import Dress
from tui.profiles import Profiles
from tui.screens.command_line import CommandLine
from tui.screens.resource import ResourceScreen
from tui.themes import THEMES


class CommandMode(Dress):
    """The part of the terminal that understands `:`."""

    def __init__(
        self,
        client: Client,
        *,
        email: str = "",
        password: str = "",
        connect: Callable[[str], Client] = connecting.client_named,
    ) -> None:
        super().__init__(client, email=email, password=password, connect=connect)
        self._typed: list[str] = []
        self._names: dict[str, list[str]] = {}

    def grammar(self) -> commands.Grammar:
        """What is understood on the screen on top, by whoever is signed in."""
        role = self.client.user.role if self.client.user else None
        return commands.Grammar(
            [noun for noun in nouns.registered() if noun.offered_to(role)],
            {name: each.tooltip or each.binding.description for name, each in self._keys().items()},
            self._arguments,
        )

    def action_command(self) -> None:
        """Opens the line."""
        self._names = {}
        keys, grammar = self._keys(), self.grammar()

        def run(command: commands.Command | None) -> None:
            if command is not None:
                self._run_command(command, keys)

        self.push_screen(CommandLine(grammar, self._typed), run)

    def _keys(self) -> dict[str, ActiveBinding]:
        """The keys of the screen by their names: the last part of their ids."""
        found: dict[str, ActiveBinding] = {}
        for active in self.screen.active_bindings.values():
            if (name := active.binding.id) and active.enabled and isinstance(active.node, App | Screen):
                short = name.rpartition(".")[2]
                found.setdefault(name if short in found and found[short] != active else short, active)
        return found

    def _arguments(self, word: str) -> Sequence[str]:
        """What may follow a word; names of things are asked for when they are first wanted."""
        if word == "theme":
            return list(THEMES)
        if word == "profile":
            return _profiles()
        noun = nouns.find(word)
        if noun is None or noun.detail is None:
            return ()
        if noun.name not in self._names:
            self._names[noun.name] = []
            self._learn_names(noun)
        return self._names[noun.name]

    @work(exclusive=False, group="names")
    async def _learn_names(self, noun: nouns.Noun) -> None:
        try:
            found = await directory.names(self.client, noun)
        except errors.ApiError:
            return  # then nothing completes; opening one says what is wrong
        self._names[noun.name] = [text.one_line(name) for name in found]
        if isinstance(self.screen, CommandLine):
            self.screen.offer()

    def _run_command(self, command: commands.Command, keys: dict[str, ActiveBinding]) -> None:
        if isinstance(command, commands.GoTo):
            self.post_message(messages.Go(command.noun.name, command.needle))
        elif isinstance(command, commands.OpenOne):
            self._open_by_name(command.noun, command.name)
        elif command.word in keys and not command.argument:
            active = keys[command.word]
            self.call_next(self.run_action, active.binding.action, active.node)
        else:
            self._do(command)

    def _do(self, command: commands.Do) -> None:
        match command.word:
            case "quit":
                self.call_next(self.run_action, "quit")
            case "help":
                self.call_next(self.run_action, "help")
            case "back":
                self.call_next(self.run_action, "screen.back")
            case "theme":
                self.choose_theme(command.argument)
            case "profile":
                self.post_message(messages.SwitchProfile(command.argument))
            case "logout":
                self.post_message(messages.SignOut())
            case "export":
                self._export(command.argument)
            case word:
                self.tell(f"{word} takes nothing after it.", failed=True)

    @work(exclusive=True, group="command")
    async def _open_by_name(self, noun: nouns.Noun, word: str) -> None:
        if word == "new":
            self.post_message(messages.Open(noun.name, word))
            return
        try:
            key, known = await directory.find(self.client, noun, word)
        except errors.SessionEnded as ended:
            self.post_message(messages.SignInNeeded(str(ended)))
        except errors.ApiError as refused:
            self.tell(str(refused), failed=True)
        else:
            if key is None:
                near = difflib.get_close_matches(word, known, n=3, cutoff=0.5)
                told = f" Near: {', '.join(near)}." if near else ""
                self.tell(f"There is no {noun.singular or noun.name} {word!r}.{told}", failed=True)
            elif noun.detail is None:
                self.post_message(messages.Go(noun.name, word))
            else:
                self.post_message(messages.Open(noun.name, key))

    @work(exclusive=True, group="command")
    async def _export(self, path: str) -> None:
        screen = self.screen
        thing = screen.subject() if isinstance(screen, ResourceScreen) else None
        if thing is None or not isinstance(screen, ResourceScreen):
            self.tell("There is nothing under the cursor.", failed=True)
        else:
            await screen.export(thing, path)


def _profiles() -> list[str]:
    """The names that `:profile` takes."""
    try:
        return [profile.name for profile in Profiles.load()]
    except errors.ConfigUnreadable:
        return []
