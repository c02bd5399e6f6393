"""The API as the terminal uses it: typed calls on one session."""

from __future__ import annotations

from tui.calls.audit_log import AuditLogCalls
from tui.calls.channels import ChannelCalls
from tui.calls.clusters import ClusterCalls
from tui.calls.hardening import HardeningCalls
from tui.calls.jobs import JobCalls
from tui.calls.overview import OverviewCalls
from tui.calls.passwords import PasswordCalls
from tui.calls.plain import PlainCalls
from tui.calls.schedules import ScheduleCalls
from tui.calls.service_tokens import ServiceTokenCalls
from tui.calls.streams import StreamCalls
from tui.calls.templates import TemplateCalls
from tui.calls.tenants import TenantCalls
from tui.calls.users import UserCalls
from tui.calls.workers import WorkerCalls


class Client(
    ClusterCalls,
    JobCalls,
    HardeningCalls,
    ScheduleCalls,
    ChannelCalls,
    WorkerCalls,
    AuditLogCalls,
    OverviewCalls,
    TemplateCalls,
    TenantCalls,
    ServiceTokenCalls,
    UserCalls,
    StreamCalls,
    PasswordCalls,
    PlainCalls,
):
    """What can be asked of the server, noun by noun."""
