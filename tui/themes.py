"""How the terminal looks: dark, light, high contrast, and colours that colour-blind people tell apart.

A status is a sign and a word before it is a colour, so that every theme, and none (NO_COLOR), says the same.
"""

from __future__ import annotations

from rich.terminal_theme import TerminalTheme
from textual.theme import Theme

type _Rgb = tuple[int, int, int]

DEFAULT = "dark"

THEMES = {
    theme.name: theme
    for theme in (
        Theme(
            name="dark",
            primary="#5fafd7",
            secondary="#87afd7",
            accent="#d7af5f",
            warning="#d7af5f",
            error="#ff6b6b",
            success="#87d787",
            foreground="#e0e0e0",
            background="#14171c",
            surface="#1c2027",
            panel="#2a303a",
        ),
        Theme(
            name="light",
            primary="#005f87",
            secondary="#44617b",
            accent="#875f00",
            warning="#875f00",
            error="#a80000",
            success="#005f00",
            foreground="#1a1a1a",
            background="#fafafa",
            surface="#f0f0f0",
            panel="#dcdcdc",
            dark=False,
        ),
        Theme(
            name="high-contrast",
            primary="#ffff00",
            secondary="#00ffff",
            accent="#ffff00",
            warning="#ffff00",
            error="#ff9090",
            success="#00ff00",
            foreground="#ffffff",
            background="#000000",
            surface="#000000",
            panel="#303030",
            text_alpha=1.0,
            variables={"text-muted": "#ffffff"},
        ),
        Theme(  # Okabe and Ito's palette
            name="colour-blind",
            primary="#56b4e9",
            secondary="#0072b2",
            accent="#e69f00",
            warning="#f0e442",
            error="#d55e00",
            success="#009e73",
            foreground="#e8e8e8",
            background="#14171c",
            surface="#1c2027",
            panel="#2a303a",
        ),
    )
}


def _colours(
    background: _Rgb, text: _Rgb, *, red: _Rgb, green: _Rgb, yellow: _Rgb, blue: _Rgb, cyan: _Rgb
) -> TerminalTheme:
    """What `red`, `green` and the others of a status are in a theme."""
    purple = (204, 121, 167)
    eight = [background, red, green, yellow, blue, purple, cyan, text]
    return TerminalTheme(background, text, eight, eight)


#: The colours of statuses, by theme.
STATUS_COLOURS = {
    "dark": _colours(
        (20, 23, 28),
        (224, 224, 224),
        red=(255, 107, 107),
        green=(135, 215, 135),
        yellow=(215, 175, 95),
        blue=(95, 135, 255),
        cyan=(95, 175, 215),
    ),
    "light": _colours(
        (250, 250, 250),
        (26, 26, 26),
        red=(168, 0, 0),
        green=(0, 95, 0),
        yellow=(122, 85, 0),
        blue=(0, 60, 160),
        cyan=(0, 95, 135),
    ),
    "high-contrast": _colours(
        (0, 0, 0),
        (255, 255, 255),
        red=(255, 144, 144),
        green=(0, 255, 0),
        yellow=(255, 255, 0),
        blue=(140, 180, 255),
        cyan=(0, 255, 255),
    ),
    "colour-blind": _colours(
        (20, 23, 28),
        (232, 232, 232),
        red=(213, 94, 0),
        green=(0, 158, 115),
        yellow=(240, 228, 66),
        blue=(0, 114, 178),
        cyan=(86, 180, 233),
    ),
}
