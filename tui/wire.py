"""What the terminal reads from the API: the API's own wire structs, and nothing else of it."""

from __future__ import annotations

from api.schemas.auth import Tokens, User
from api.schemas.clusters import Cluster, ClusterItem, Deleted, Node
from api.schemas.common import Accepted, Page, Problem
from api.schemas.jobs import Event, EventPage, Job, Phase
from api.schemas.workers import Worker

__all__ = [
    "Accepted",
    "Cluster",
    "ClusterItem",
    "Deleted",
    "Event",
    "EventPage",
    "Job",
    "Node",
    "Page",
    "Phase",
    "Problem",
    "Tokens",
    "User",
    "Worker",
]
