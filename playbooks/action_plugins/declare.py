"""Says in check mode what a task would do that cannot be tried there, such as installing from a repository not yet set up.

A role puts it beside the real task, under the same name, so that a plan and the run after it speak of the same thing. Modules of
Keelyard's own say it themselves, by the same member of their result: `declared`.
"""

from __future__ import annotations

from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    """`what`: what the task would do. Outside check mode it does nothing and reports nothing changed."""

    _VALID_ARGS = frozenset({"what"})
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        """Declares."""
        result = super().run(tmp, task_vars)
        if not self._task.check_mode:
            return {**result, "changed": False}
        return {**result, "changed": True, "declared": str(self._task.args["what"])}
