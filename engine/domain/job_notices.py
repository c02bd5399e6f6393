"""Notices about ended jobs: who wants which, how a webhook is signed, when a failed one is tried again."""

from __future__ import annotations

import enum
import hashlib
import hmac
import uuid
from collections.abc import Sequence

import msgspec

from engine.domain.statuses import FINAL_JOB_STATUSES, JobStatus, JobType

#: Seconds to wait after the first, second, ... failed try; after the last one the delivery is dead.
RETRY_SECONDS = (30, 120, 600, 1800, 7200, 21_600, 54_000)
MAXIMUM_TRIES = len(RETRY_SECONDS) + 1  # over a day
KEPT_TRIES = 50
KEPT_DAYS = 30  # of delivered and dead deliveries
ROTATION_HOURS = 24  # a replaced secret signs as well for so long

SIGNATURE_HEADER = "X-Keelyard-Signature"
DELIVERY_HEADER = "X-Keelyard-Delivery"
EVENT_HEADER = "X-Keelyard-Event"

GONE = 410  # a receiver's word for: never again


class ChannelKind(enum.StrEnum):
    """How a notice travels."""

    WEBHOOK = "webhook"
    MAIL = "mail"


class NoticeEvent(enum.StrEnum):
    """What a notice is about."""

    JOB_ENDED = "job.ended"
    TEST = "test"


class DeliveryStatus(enum.StrEnum):
    """How far a notice got."""

    PENDING = "pending"  # waits for its first or next try
    DELIVERED = "delivered"
    DEAD = "dead"  # given up; a person may send it again


class EventFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which ended jobs a channel wants; an empty list means any."""

    job_types: list[JobType] = []
    statuses: list[JobStatus] = []
    clusters: list[uuid.UUID] = []

    def wants(self, job_type: JobType, status: JobStatus, cluster_id: uuid.UUID) -> bool:
        """Whether a notice about such a job is to be sent."""
        return (
            (not self.job_types or job_type in self.job_types)
            and (not self.statuses or status in self.statuses)
            and (not self.clusters or cluster_id in self.clusters)
        )


#: Statuses that a filter may name: those a job ends with.
FILTER_STATUSES = tuple(status for status in JobStatus if status in FINAL_JOB_STATUSES)


def signature(secrets: Sequence[str], timestamp: int, body: bytes) -> str:
    """The value of the signature header: the time, and one `v1` for each secret that is still good.

    A `v1` is the hexadecimal HMAC-SHA256 of `TIMESTAMP.BODY` under the secret.
    """
    signed = str(timestamp).encode() + b"." + body
    marks = [hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest() for secret in secrets]
    return ",".join([f"t={timestamp}", *(f"v1={mark}" for mark in marks)])


def retry_after(tries: int) -> int | None:
    """Seconds until the next try after so many failed ones; None when there is none."""
    return RETRY_SECONDS[tries - 1] if tries <= len(RETRY_SECONDS) else None
