"""Measurements of this process, in Prometheus' text format."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"

REGISTRY = CollectorRegistry()
_REQUESTS = Counter(
    "keelyard_http_requests", "Requests answered.", ["method", "route", "status"], registry=REGISTRY
)
_SECONDS = Histogram(
    "keelyard_http_request_seconds", "Time from request to last byte.", ["method", "route"], registry=REGISTRY
)
STREAMS = Gauge("keelyard_event_streams", "Event streams open now.", registry=REGISTRY)
_JOBS = Gauge("keelyard_jobs", "Jobs by status.", ["status"], registry=REGISTRY)
_CLUSTERS = Gauge("keelyard_clusters", "Clusters by status.", ["status"], registry=REGISTRY)

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def observe(method: str, route: str, status: int, seconds: float) -> None:
    """Count one request; methods that HTTP does not know share one label."""
    method = method if method in _METHODS else "OTHER"
    _REQUESTS.labels(method, route, str(status)).inc()
    if route != "unmatched":
        _SECONDS.labels(method, route).observe(seconds)


def text(jobs: dict[str, int], clusters: dict[str, int]) -> bytes:
    """Everything measured, with the state of jobs and clusters as handed in."""
    for gauge, counts in ((_JOBS, jobs), (_CLUSTERS, clusters)):
        gauge.clear()
        for status, count in counts.items():
            gauge.labels(status).set(count)
    return generate_latest(REGISTRY)
