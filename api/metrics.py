"""Measurements of this process, in Prometheus' text format."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from engine.domain.capacity import WorkerState
from engine.services.measurements import Counts

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
_WORKERS = Gauge("keelyard_workers", "Workers by state.", ["state"], registry=REGISTRY)
_FORKS = Gauge("keelyard_worker_forks", "Forks that a worker offers.", ["worker"], registry=REGISTRY)
_FORKS_USED = Gauge("keelyard_worker_forks_used", "Forks its jobs take.", ["worker"], registry=REGISTRY)
_MEMORY = Gauge("keelyard_worker_memory_bytes", "Memory for runs.", ["worker"], registry=REGISTRY)
_MEMORY_USED = Gauge(
    "keelyard_worker_memory_used_bytes", "Memory its jobs are counted with.", ["worker"], registry=REGISTRY
)
_RUNNING = Gauge("keelyard_worker_jobs", "Jobs a worker runs.", ["worker"], registry=REGISTRY)
_SILENT = Gauge(
    "keelyard_worker_silent_seconds", "Time since a worker's heartbeat.", ["worker"], registry=REGISTRY
)
_DEPTH = Gauge("keelyard_queue_depth", "Jobs that wait for a worker only.", registry=REGISTRY)
_OLDEST = Gauge("keelyard_queue_oldest_seconds", "How long the oldest of them has waited.", registry=REGISTRY)
_BYTES = 1024 * 1024

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def observe(method: str, route: str, status: int, seconds: float) -> None:
    """Count one request; methods that HTTP does not know share one label."""
    method = method if method in _METHODS else "OTHER"
    _REQUESTS.labels(method, route, str(status)).inc()
    if route != "unmatched":
        _SECONDS.labels(method, route).observe(seconds)


def text(found: Counts) -> bytes:
    """Everything measured, with the state of the installation as handed in."""
    states = dict.fromkeys(WorkerState, 0)
    for worker in found.workers:
        states[worker.state] += 1
    for gauge, counts in ((_JOBS, found.jobs), (_CLUSTERS, found.clusters), (_WORKERS, states)):
        gauge.clear()
        for status, count in counts.items():
            gauge.labels(status).set(count)
    _DEPTH.set(found.queue_depth)
    _OLDEST.set(found.queue_oldest_seconds)
    for gauge in (_FORKS, _FORKS_USED, _MEMORY, _MEMORY_USED, _RUNNING, _SILENT):
        gauge.clear()
    for worker in found.workers:
        load = worker.load
        _FORKS.labels(worker.name).set(worker.forks)
        _FORKS_USED.labels(worker.name).set(load.forks)
        _MEMORY.labels(worker.name).set(worker.memory_mb * _BYTES)
        _MEMORY_USED.labels(worker.name).set(load.memory_mb * _BYTES)
        _RUNNING.labels(worker.name).set(load.runs)
        _SILENT.labels(worker.name).set(worker.silent_seconds)
    return generate_latest(REGISTRY)
