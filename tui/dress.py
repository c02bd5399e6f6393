"""How the terminal looks and which keys it has, as the configuration file says."""

from __future__ import annotations

from tui import bindings, errors, text
from tui.profiles import Profiles
from tui.seated_app import SeatedApp
from tui.themes import DEFAULT, STATUS_COLOURS, THEMES


class Dress(SeatedApp):
    """The part of the terminal that wears themes and moves keys. What is wrong is told, and left out."""

    def on_load(self) -> None:
        """Before anything is drawn."""
        for theme in THEMES.values():
            self.register_theme(theme)
        self._wear(DEFAULT)

    async def on_mount(self) -> None:
        """As the file says; without a profile there is no file."""
        if not self.client.profile:
            return
        try:
            file = Profiles.load()
        except errors.ConfigUnreadable as unreadable:
            self.tell(str(unreadable), failed=True)
        else:
            self.dress(file.theme, file.keys)

    def dress(self, theme: str, keys: dict[str, str]) -> None:
        """Takes a theme and keys; a line for each that makes no sense."""
        if theme and theme not in THEMES:
            self.tell(f"theme: there is no {theme!r}: {', '.join(THEMES)}.", failed=True)
        elif theme:
            self._wear(theme)
        taken, told = bindings.checked(keys)
        self.set_keymap(taken)
        for line in told:
            self.tell(line, failed=True)

    def choose_theme(self, name: str) -> None:
        """Takes a theme by its name, and remembers it."""
        if name not in THEMES:
            self.tell(f"There is no theme {name!r}: {', '.join(THEMES)}.", failed=True)
            return
        self._wear(name)
        self.tell(f"Theme {name}.")
        if self.client.profile:
            try:
                Profiles.load().choose_theme(name)
            except errors.ConfigUnreadable as unwritten:
                self.tell(f"Not for the next time: {unwritten}", failed=True)

    def action_next_theme(self) -> None:
        """The next theme."""
        every = list(THEMES)
        here = every.index(self.theme) if self.theme in every else -1
        self.choose_theme(every[(here + 1) % len(every)])

    def _wear(self, name: str) -> None:
        colours = STATUS_COLOURS[name]
        if THEMES[name].dark:
            self.ansi_theme_dark = colours
        else:
            self.ansi_theme_light = colours
        self.theme = name

    def tell(self, line: str, *, failed: bool = False) -> None:
        """Shows a passing line in place of the one before; failures stay longer."""
        self.clear_notifications()
        self.notify(
            f"✗ not done: {text.clean(line)}" if failed else text.clean(line),
            severity="error" if failed else "information",
            timeout=10 if failed else 4,
            markup=False,
        )
