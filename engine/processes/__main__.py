"""`python -m engine.processes` is the `keelyard` command, wherever the console script lies."""

from __future__ import annotations

from engine.processes.command_line import main

main()
