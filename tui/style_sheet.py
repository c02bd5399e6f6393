"""The style sheet, parsed when its colours or its sources change and not for every new screen."""

from __future__ import annotations

from typing import override

from textual.css.stylesheet import Stylesheet


class StyleSheet(Stylesheet):
    """Textual has its sheet parsed twice for each screen opened after a theme was set, 10 ms each time."""

    @override
    def set_variables(self, variables: dict[str, str]) -> None:
        """Takes a theme's colours; the same ones change nothing."""
        if variables != self._variables:
            super().set_variables(variables)
            self._require_parse = True

    @override
    def reparse(self) -> None:
        """Parses everything if anything is different."""
        if self._require_parse:
            super().reparse()
