"""What can go wrong between the terminal and the server, said for the operator.

ApiError            the server, or the way to it, refused a request
├── Unreachable     no answer: refused, timed out, name unknown, cut off
├── SessionEnded    the sign-in is no longer good; only a new one helps
├── NotThere        404: gone, or not yours to see
├── Refused         another 4xx
│   └── NotAllowed  403: this role, or this profile, may not
├── TooManyRequests 429
└── ServerFailed    5xx, or an answer that cannot be read

ConfigUnreadable    the operator's own file of profiles, keys and theme makes no sense
"""

from __future__ import annotations

from collections.abc import Mapping


class ApiError(Exception):
    """Base; the message is one or two sentences that may be shown as they are.

    `retry_after_seconds` is what the server asked for; 0 where it said nothing.
    """

    retry_after_seconds: float = 0.0


class Unreachable(ApiError):
    """No usable answer came back."""


class SessionEnded(ApiError):
    """The session has expired or was revoked."""


class NotThere(ApiError):
    """No such thing, or not the caller's to see."""


class Refused(ApiError):
    """The server understood and said no; `fields` has what it said of which member of the request."""

    def __init__(self, message: str, fields: Mapping[str, str] | None = None, *, code: int = 0) -> None:
        super().__init__(message)
        self.code = code
        self.fields = dict(fields or {})


class NotAllowed(Refused):
    """The caller's role does not include this."""


class TooManyRequests(ApiError):
    """Asked too often; `retry_after_seconds` says when to come back."""

    def __init__(self, message: str, retry_after_seconds: float) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class ServerFailed(ApiError):
    """The server broke, cannot do it now, or answered in a way that makes no sense."""

    def __init__(self, message: str, retry_after_seconds: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class ConfigUnreadable(Exception):
    """The configuration file cannot be read or written; the message names the file and what is wrong."""
