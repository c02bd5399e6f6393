"""The audit log as a file: comma-separated values for people, JSON lines for machines."""

from __future__ import annotations

import csv
import enum
import io
from collections.abc import Callable, Sequence

import msgspec

from engine.store.audit_entries import LinkedEntry


class Format(enum.StrEnum):
    """What an export is written as."""

    CSV = "csv"
    JSON_LINES = "jsonl"


MEDIA_TYPES = {Format.CSV: "text/csv", Format.JSON_LINES: "application/jsonl"}

_COLUMNS = (
    "sequence",
    "timestamp",
    "actor",
    "action",
    "resource_type",
    "resource_id",
    "resource_name",
    "status",
    "address",
    "correlation_id",
    "details",
    "id",
    "actor_id",
    "tenant_id",
    "previous_hash",
    "hash",
)
# A spreadsheet takes a cell that begins so for a formula (CWE-1236).
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def csv_header() -> bytes:
    """The first line."""
    return _csv_lines([_COLUMNS])


def _csv(entries: Sequence[LinkedEntry]) -> bytes:
    return _csv_lines([[_harmless(_text(entry, column)) for column in _COLUMNS] for entry in entries])


def _json_lines(entries: Sequence[LinkedEntry]) -> bytes:
    return b"".join(msgspec.json.encode(_object(entry)) + b"\n" for entry in entries)


ENCODERS: dict[Format, Callable[[Sequence[LinkedEntry]], bytes]] = {
    Format.CSV: _csv,
    Format.JSON_LINES: _json_lines,
}


def _object(entry: LinkedEntry) -> dict[str, object]:
    found: dict[str, object] = {column: getattr(entry, column) for column in _COLUMNS}
    found["details"] = msgspec.Raw((entry.details or "{}").encode())
    found["previous_hash"], found["hash"] = entry.previous_hash.hex(), entry.hash.hex()
    return found


def _text(entry: LinkedEntry, column: str) -> str:
    value = getattr(entry, column)
    if value is None:
        return ""
    if isinstance(value, bytes):
        return value.hex()
    return str(value) if isinstance(value, str | int) else value.isoformat().replace("+00:00", "Z")


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


def _csv_lines(lines: Sequence[Sequence[str]]) -> bytes:
    target = io.StringIO()
    csv.writer(target, lineterminator="\r\n").writerows(lines)
    return target.getvalue().encode()
