"""Answers of the API: as structs, or as the error that they tell of."""

from __future__ import annotations

import httpx
import msgspec

from tui import errors, wire


def checked(response: httpx.Response) -> httpx.Response:
    """The response when it is a success; else its error in the operator's words."""
    code = response.status_code
    if response.is_success:
        return response
    text = problem_text(response) or f"The server answered {code} {response.reason_phrase}."
    if code == httpx.codes.UNAUTHORIZED:
        raise errors.SessionEnded(text)
    if code == httpx.codes.NOT_FOUND:
        raise errors.NotThere(text)
    if code == httpx.codes.TOO_MANY_REQUESTS:
        raise errors.TooManyRequests(text, _wait(response) or 10.0)
    if code == httpx.codes.FORBIDDEN:
        raise errors.NotAllowed(text)
    if response.is_client_error:
        raise errors.Refused(text, field_problems(response), code=code)
    raise errors.ServerFailed(text, _wait(response))


def _wait(response: httpx.Response) -> float:
    wait = response.headers.get("Retry-After", "")
    return float(wait) if wait.isdigit() else 0.0


def problem_text(response: httpx.Response) -> str:
    """A problem document as one or two sentences; empty when the body is not one."""
    try:
        problem = msgspec.json.decode(response.content, type=wire.Problem)
    except msgspec.DecodeError:
        return ""
    fields = "; ".join(f"{each.field}: {each.message}" for each in problem.errors or ())
    text = ". ".join(part.rstrip(".") for part in (problem.detail or problem.title, fields) if part)
    if response.is_server_error and problem.correlation_id:
        text = f"{text} (correlation id {problem.correlation_id})"
    return f"{text}." if text else ""


def field_problems(response: httpx.Response) -> dict[str, str]:
    """What a problem document says of which member of the request; the first message of each."""
    try:
        problem = msgspec.json.decode(response.content, type=wire.Problem)
    except msgspec.DecodeError:
        return {}
    return {each.field: each.message for each in reversed(problem.errors or [])}


def decode[T](response: httpx.Response, kind: type[T]) -> T:
    """The body as this struct. Raises ServerFailed when it is none."""
    try:
        return msgspec.json.decode(response.content, type=kind)
    except msgspec.DecodeError as unreadable:
        raise errors.ServerFailed(
            f"{response.request.url.path} answered something else than expected ({unreadable}). "
            "Is this address a Keelyard API of the same version?"
        ) from unreadable
