"""Controller half of `change_guard`: a change is confirmed over a connection that did not exist before it."""

from __future__ import annotations

import time

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase

PAUSE = 2.0  # seconds between two attempts to connect
ROLLED_BACK = "put its old files back at"  # in the module's words, once it is too late


def told(reason, applied):
    """What the operator reads: what did not work, and that the node mends it itself, and when."""
    if ROLLED_BACK in reason:
        return reason
    return (
        f"With the new {', '.join(applied['differing'])} the node could not be used over a new connection: {reason}\n"
        f"The node puts its old files back by itself at {applied['rolls_back_at']}, or before that if it restarts. "
        "Mend the cause and retry."
    )


class ActionModule(ActionBase):
    """`begin`, `apply` and `rollback` are the module's; `confirm` is to apply, to connect anew and to disarm."""

    def run(self, tmp=None, task_vars=None):
        """Does one step."""
        result = super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        if arguments.get("state") != "confirm" or self._task.check_mode:
            return {**result, **self._step(arguments, task_vars)}
        applied = self._step({"name": arguments["name"], "state": "apply"}, task_vars)
        if applied.get("failed") or not applied.get("changed"):
            return {**result, **applied}
        trouble = self._confirm(arguments["name"], time.monotonic() + applied["seconds"] / 2, task_vars)
        if trouble:
            return {**result, **applied, "failed": True, "msg": told(trouble, applied)}
        return {**result, **applied}

    def _step(self, arguments, task_vars):
        return self._execute_module("change_guard", module_args=arguments, task_vars=task_vars)

    def _confirm(self, name, last, task_vars):
        """Why the change could not be confirmed; empty when it was."""
        while True:
            try:
                self._connection.reset()
                answer = self._step({"name": name, "state": "confirm"}, task_vars)
            except AnsibleError as reason:
                answer = {"failed": True, "msg": str(reason)}
            if not answer.get("failed"):
                return ""
            trouble = str(answer.get("msg") or "no answer").strip()
            if ROLLED_BACK in trouble or time.monotonic() > last:
                return trouble
            time.sleep(PAUSE)
