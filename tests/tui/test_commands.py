"""`:` goes anywhere and does anything; wrong words are told what is near."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input

from tests.standins.provisioner_api import ProvisionerApi
from tests.standins.provisioner_bodies import JOB_ID, cluster
from tests.tui.conftest import crumbs, sees, terminal, until
from tests.tui.test_subjects import told
from tui import commands, nouns
from tui.screens.command_line import CommandLine
from tui.screens.jobs import JobsScreen


class NarrowedJobs(JobsScreen):
    """A list that the server can narrow."""

    STATUSES = ("running", "failed")


CLUSTERS, JOBS = (noun for noun in nouns.registered() if noun.name in {"clusters", "jobs"})
JOBS = replace(JOBS, screen=NarrowedJobs)


def known(word: str) -> Sequence[str]:
    return {"clusters": ("edge-07", "edge-08", "shop"), "theme": ("dark", "light")}.get(word, ())


GRAMMAR = commands.Grammar([CLUSTERS, JOBS], {"provision": "Queue a provision job"}, known)


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("clusters", commands.GoTo(CLUSTERS)),
        ("cl", commands.GoTo(CLUSTERS)),
        ("jobs failed", commands.GoTo(JOBS, "failed")),
        ("jo  failed ", commands.GoTo(JOBS, "failed")),
        ("cluster", commands.GoTo(CLUSTERS)),
        ("cluster edge-07", commands.OpenOne(CLUSTERS, "edge-07")),
        ("jobs/1", commands.OpenOne(JOBS, "1")),
        ("q", commands.Do("quit")),
        ("theme light", commands.Do("theme", "light")),
        ("export ./my file.yaml", commands.Do("export", "./my file.yaml")),
        ("provision", commands.Do("provision")),
    ],
)
def test_a_line_means_one_thing(line: str, meant: commands.Command):
    assert GRAMMAR.read(line) == meant


@pytest.mark.parametrize(
    ("line", "told_so"),
    [
        ("clutsers", "There is no command 'clutsers'. Near: clusters"),
        ("xyzzy", "? lists the keys, tab the commands"),
        ("theme", "theme needs a NAME: dark, light"),
        ("nosuch/1", "There is no command 'nosuch'"),
    ],
)
def test_a_line_that_means_nothing_is_told_what_would(line: str, told_so: str):
    with pytest.raises(commands.Unknown) as unknown:
        GRAMMAR.read(line)

    assert told_so in str(unknown.value)


@pytest.mark.parametrize(
    ("line", "lines"),
    [
        ("clusters", ["clusters"]),
        ("cluster e", ["cluster edge-07", "cluster edge-08"]),
        ("jobs fa", ["jobs failed"]),
        ("theme ", ["theme dark", "theme light"]),
        ("prov", ["provision"]),
    ],
)
def test_a_line_is_completed(line: str, lines: list[str]):
    assert GRAMMAR.completions(line) == lines


async def test_a_cluster_is_opened_by_its_name_completed_with_tab(api: ProvisionerApi):
    api.clusters = [cluster("shop-eu", id="b1b2c3d4-e5f6-4890-abcd-ef1234567890"), cluster()]
    async with terminal(api) as pilot:
        await sees(pilot, "edge-07")
        await pilot.press("colon", *"cluster ed")
        await sees(pilot, "edge-07")
        await until(
            pilot, lambda: pilot.app.screen.query_one(Input)._suggestion == "cluster edge-07", "the rest"
        )
        await pilot.press("tab")
        assert pilot.app.screen.query_one(Input).value == "cluster edge-07"
        await pilot.press("enter")
        await sees(pilot, "‹ clusters ‹ edge-07")


async def test_jobs_are_narrowed_and_one_is_opened_by_its_id(api: ProvisionerApi):
    async with terminal(api) as pilot:
        await sees(pilot, "edge-07")
        await pilot.press("colon", *"jobs nosuch", "enter")
        await until(pilot, lambda: '"nosuch"' in crumbs(pilot), "the list narrowed")
        await pilot.press("colon", *f"job {JOB_ID[:6]}", "enter")
        await sees(pilot, "‹ provision edge-07")


async def test_a_wrong_word_stays_on_the_line_and_the_line_before_comes_back(api: ProvisionerApi):
    async with terminal(api) as pilot:
        await sees(pilot, "edge-07")
        await pilot.press("colon", *"jbos", "enter")
        await sees(pilot, "✗ There is no command 'jbos'. Near: jobs")
        await pilot.press("escape", "colon", *"jobs", "enter")
        await sees(pilot, "jobs 1")
        await pilot.press("colon", "up")
        assert pilot.app.screen.query_one(Input).value == "jobs"
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(pilot.app.screen, CommandLine), "the list again")


async def test_a_name_that_nothing_has_is_told_what_is_near(api: ProvisionerApi):
    async with terminal(api) as pilot:
        await sees(pilot, "edge-07")
        await pilot.press("colon", *"cluster egde-07", "enter")
        await until(pilot, lambda: "There is no cluster 'egde-07'. Near: edge-07." in told(pilot), "the line")


async def test_keys_of_the_screen_are_commands_too(api: ProvisionerApi):
    async with terminal(api) as pilot:
        await sees(pilot, "edge-07")
        await pilot.press("colon", *"describe", "enter")
        await sees(pilot, "Kubernetes version")
        await pilot.press("colon", *"back", "enter")
        await sees(pilot, "clusters 1")


async def test_export_saves_what_the_cursor_is_on(api: ProvisionerApi, tmp_path: Path):
    path = tmp_path / "edge.yaml"
    async with terminal(api) as pilot:
        await sees(pilot, "edge-07")
        await pilot.press("colon", *f"export {path}", "enter")
        await until(pilot, path.exists, "the file")

    assert yaml.safe_load(path.read_text())["name"] == "edge-07"


async def test_quit_leaves(api: ProvisionerApi):
    async with terminal(api) as pilot:
        await sees(pilot, "edge-07")
        await pilot.press("colon", "q", "enter")
        await until(pilot, lambda: api.count("POST", "/auth/logout"), "signed out")


def _at_once(pilot: Pilot[None], *keys: str) -> None:
    """Faster than anything is drawn, as one who knows types."""
    for key in keys:
        named = {":": "colon", "/": "slash"}.get(key, key)
        pilot.app.post_message(events.Key(named, key if len(key) == 1 else None))


async def test_what_is_typed_right_behind_the_key_is_the_lines(api: ProvisionerApi) -> None:
    async with terminal(api) as pilot:
        await sees(pilot, "edge-07")
        _at_once(pilot, *":jobs", "enter")
        await until(pilot, lambda: crumbs(pilot).strip().startswith("jobs 1"), "the jobs")
        _at_once(pilot, *"/zz/:z")  # in the line, both keys are characters
        await until(pilot, lambda: 'filter "zz/:z"' in crumbs(pilot), "the whole filter")
