"""The keys that every screen has for what the cursor is on: read, copy, export, go to what it refers to."""

from __future__ import annotations

import asyncio
import io
import os
import shlex
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

from textual import work
from textual.app import SuspendNotSupported
from textual.binding import Binding, BindingType
from textual.screen import Screen

from tui import document, errors, files, messages, references, text
from tui.client import Client
from tui.screens.dialogs import AskPath, Choose, Confirm

# Terminals take clipboards of about 100,000 bytes in base64 and drop longer ones without a word.
_LONGEST_COPY = 70_000


class SubjectScreen(Screen[None]):
    """Knows what the cursor is on, says what became of an action."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("d", "describe", "Describe", id="describe", show=False, tooltip="Read it in words"),
        Binding("y", "yaml", "YAML", id="yaml", show=False, tooltip="Read it as YAML"),
        Binding("Y", "copy", "Copy", id="copy", show=False, tooltip="Copy it as YAML"),
        Binding("E", "export", "Export", id="export", show=False, tooltip="Save it as YAML or JSON"),
        Binding(
            "ctrl+e", "editor", "Editor", id="editor", show=False, tooltip="Read it in $VISUAL or $EDITOR"
        ),
        Binding("l", "logs", "Logs", id="logs", show=False, tooltip="To the events of its job"),
        Binding("g", "jump", "Go to", id="jump", show=False, tooltip="To what it refers to"),
    ]

    client: Client

    def subject(self) -> object | None:
        """What the cursor is on: a wire struct or plain data; None when there is nothing."""
        return None

    def _subject(self) -> object | None:
        """The subject, or a line that says why there is none."""
        if (thing := self.subject()) is None:
            self.say("There is nothing under the cursor.", failed=True)
        return thing

    # --- saying things ---

    @contextmanager
    def reporting(self) -> Iterator[None]:
        """Turns an ApiError of an action into a line that says what happened."""
        try:
            yield
        except errors.SessionEnded as ended:
            self.app.post_message(messages.SignInNeeded(str(ended)))
        except errors.NotAllowed as refused:
            self.say(f"▲ {refused}")
        except errors.ApiError as refused:
            self.say(str(refused), failed=True)

    def say(self, line: str, *, failed: bool = False) -> None:
        """Shows a passing line in place of the one before; failures stay longer."""
        self.app.clear_notifications()
        self.notify(
            f"✗ not done: {text.clean(line)}" if failed else text.clean(line),
            severity="error" if failed else "information",
            timeout=10 if failed else 4,
            markup=False,
        )

    # --- keys ---

    def action_describe(self) -> None:
        """The subject in words, on a screen of its own."""
        if (thing := self._subject()) is not None:
            self.app.post_message(messages.Read(thing, "words"))

    def action_yaml(self) -> None:
        """The subject as YAML, on a screen of its own."""
        if (thing := self._subject()) is not None:
            self.app.post_message(messages.Read(thing, "yaml"))

    def action_copy(self) -> None:
        """Hands the subject to the terminal's clipboard."""
        if (thing := self._subject()) is None:
            return
        content = document.as_yaml(thing)
        if len(content.encode()) > _LONGEST_COPY:
            self.say("That is too long for a terminal's clipboard; E saves it to a file.", failed=True)
            return
        self.app.copy_to_clipboard(content)
        self.say(f"Copied {document.called(thing)} as YAML, {len(content.splitlines())} lines.")

    @work(exclusive=True, group="act")
    async def action_export(self) -> None:
        """Asks where, and again before it replaces a file."""
        if (thing := self._subject()) is None:
            return
        if self.app.is_web:
            await self.export(thing, document.file_name(thing))
            return
        question = AskPath(
            f"Save {document.called(thing)} as YAML, or as JSON by a name that ends so",
            f"./{document.file_name(thing)}",
        )
        if (path := await self.app.push_screen_wait(question)) is not None:
            await self.export(thing, path)

    def deliver(self, name: str, content: str) -> None:
        """Hands a file to the browser's user: the disk here is the web server's, and not theirs."""
        self.app.deliver_text(io.StringIO(content), save_filename=name)
        self.say(f"Your browser saves {name}.")

    async def export(self, thing: object, path: str) -> None:
        """Saves a thing, mode 0600; call it from a worker."""
        content = document.as_json(thing) if path.endswith(".json") else document.as_yaml(thing)
        if self.app.is_web:
            self.deliver(Path(path).name, content)
            return
        try:
            try:
                saved = await asyncio.to_thread(files.save, content, path)
            except FileExistsError:
                question = Confirm(f"Replace {path}?", "What is in the file now will be gone.")
                if not await self.app.push_screen_wait(question):
                    self.say(f"{path} was left as it is.")
                    return
                saved = await asyncio.to_thread(files.save, content, path, replace=True)
        except OSError as error:
            self.say(f"{path} cannot be written: {error.strerror}.", failed=True)
        else:
            self.say(f"Saved {document.called(thing)} in {saved}")

    def action_editor(self) -> None:
        """Opens the subject in the operator's editor, to read; nothing comes back from there."""
        if (thing := self._subject()) is None:
            return
        editor = os.environ.get("VISUAL") or os.environ.get("EDITOR")
        if self.app.is_web:
            self.say("There is no editor in the browser; y shows it, E saves it.", failed=True)
        elif not editor:
            self.say("Set VISUAL or EDITOR to your editor; y shows it here.", failed=True)
        else:
            self._open_editor(editor, thing)

    def _open_editor(self, editor: str, thing: object) -> None:
        with tempfile.TemporaryDirectory(prefix="keelyard-") as directory:
            path = files.save(document.as_yaml(thing), f"{directory}/{document.file_name(thing)}")
            path.chmod(0o400)
            try:
                with self.app.suspend():
                    # The screen is the editor's until it ends, so nothing here may go on drawing.
                    ended = subprocess.run([*shlex.split(editor), str(path)], check=False)
            except (SuspendNotSupported, ValueError):
                self.say("This terminal cannot be lent to an editor; y shows it here.", failed=True)
            except OSError as error:
                self.say(f"{editor} does not start: {error.strerror}. Set VISUAL or EDITOR.", failed=True)
            else:
                if ended.returncode:
                    self.say(f"{editor} ended with {ended.returncode}.", failed=True)
        self.app.refresh()

    @work(exclusive=True, group="act")
    async def action_logs(self) -> None:
        """To the job of the subject."""
        if (thing := self._subject()) is None:
            return
        with self.reporting():
            if (key := await references.job_of(self.client, thing)) is not None:
                self.app.post_message(messages.Open("jobs", key))
            else:
                self.say(f"{document.called(thing)} has no job.", failed=True)

    @work(exclusive=True, group="act")
    async def action_jump(self) -> None:
        """To what the subject refers to; asks when that is more than one thing."""
        if (thing := self._subject()) is None:
            return
        found = references.references(thing)
        if not found:
            self.say(f"{document.called(thing)} refers to nothing that can be shown.", failed=True)
            return
        wanted: int | None = 0
        if len(found) > 1:
            offered = [f"{each.noun}  {each.words}" for each in found]
            wanted = await self.app.push_screen_wait(Choose(f"{document.called(thing)} refers to", offered))
        if wanted is not None:
            chosen = found[wanted]
            self.app.post_message(
                messages.Open(chosen.noun, chosen.key)
                if chosen.key
                else messages.Go(chosen.noun, chosen.words)
            )
