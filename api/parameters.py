"""Parameters of routes: what callers name them, and what is wrong with a value, in words."""

from __future__ import annotations

import re

from litestar.handlers import BaseRouteHandler
from litestar.params import PathParameter

_PLAIN = (
    (re.compile(r"Expected int >= (-?\d+)"), r"must be at least \1"),
    (re.compile(r"Expected int <= (-?\d+)"), r"must be at most \1"),
    (re.compile(r"Expected str of length >= (\d+)"), r"must have at least \1 characters"),
    (re.compile(r"Expected str of length <= (\d+)"), r"must have at most \1 characters"),
    (re.compile(r"Expected int(?: \| null)?, got .*"), "must be a whole number"),
    (re.compile(r"Expected bool(?: \| null)?, got .*"), "must be true or false"),
)
_CHOICE = re.compile(r"Expected str matching regex '\^\((.*)\)\$'")


def names(handler: BaseRouteHandler) -> dict[str, str]:
    """What callers name the parameters of a handler, by what its function names them."""
    return {
        name: getattr(field.kwarg_definition, "name", None) or name
        for name, field in handler.parsed_fn_signature.parameters.items()
    }


def in_query(handler: BaseRouteHandler) -> set[str]:
    """The query parameters of a handler."""
    known = names(handler)
    return {
        known[name]
        for name, field in handler.parsed_fn_signature.parameters.items()
        if name != "request" and not isinstance(field.kwarg_definition, PathParameter)
    }


def plain(message: str) -> str:
    """What the framework has against a value, without its regular expressions and type names."""
    text = message.replace("`", "")
    if choice := _CHOICE.fullmatch(text):
        return "must be one of: " + ", ".join(choice[1].split("|"))
    for pattern, words in _PLAIN:
        if pattern.fullmatch(text):
            return pattern.sub(words, text)
    return text
