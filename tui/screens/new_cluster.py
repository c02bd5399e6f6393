"""The wizard that makes a cluster: one step after the other, back and forth, nothing lost on the way."""

from __future__ import annotations

from typing import ClassVar, override

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import ContentSwitcher, Static

from tui import errors, messages, text, wire
from tui.client import Client
from tui.screens.dialogs import Confirm
from tui.screens.new_cluster_access import AccessPane
from tui.screens.new_cluster_fields import Edited, Left, Pane
from tui.screens.new_cluster_hardening import HardeningPane
from tui.screens.new_cluster_nodes import NodesPane
from tui.screens.new_cluster_parts import ComponentsPane, TemplatePane, TopologyPane
from tui.screens.new_cluster_review import Reading, RequestBeside, RequestText, ReviewPane
from tui.screens.resource import ResourceScreen
from tui.wizard.choices import Choices
from tui.wizard.draft import Draft
from tui.wizard.drafts import Drafts, Kept
from tui.wizard.making import Making
from tui.wizard.steps import STEPS, Step, step_of

SAVE_SECONDS = 0.5
WIDE = 200  # columns from which the request stands beside the steps
MOST_VERSIONS = 20  # of the template that is looked at


class StepName(Static):
    """A step's name with its state; a click goes there."""

    class Wanted(Message):
        """Somebody clicked a step."""

        def __init__(self, step: Step) -> None:
            super().__init__()
            self.step = step

    def __init__(self, step: Step) -> None:
        super().__init__(step.value, id=f"step-{step.value}", markup=False)
        self.step = step

    def show(self, sign: str, *, here: bool) -> None:
        """Sign and name; the present step in brackets."""
        self.update(f"{sign}[{self.step.value}]" if here else f"{sign} {self.step.value} ")
        self.set_class(here, "-here")

    def on_click(self, event: events.Click) -> None:
        """Goes to the step."""
        event.stop()
        self.post_message(self.Wanted(self.step))


class NewClusterScreen(ResourceScreen):
    """Template, topology, nodes, access, components, hardening, review."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+n", "step(1)", "Next", id="wizard.next", priority=True, tooltip="Next step"),
        Binding("ctrl+p", "step(-1)", "Back", id="wizard.back", priority=True, tooltip="Step before"),
        Binding(
            "ctrl+y", "read", "YAML/curl", id="wizard.read", priority=True, tooltip="Read it as YAML, as curl"
        ),
        Binding(
            "ctrl+s", "create", "Create", id="wizard.create", priority=True, tooltip="Review, then create"
        ),
        Binding("escape", "back", "Leave", id="back", tooltip="Leave; what was said is kept as a draft"),
    ]
    DEFAULT_CSS = """
    NewClusterScreen #steps { height: 1; margin-bottom: 1; }
    NewClusterScreen StepName { width: auto; padding: 0 0 0 1; color: $text-muted; }
    NewClusterScreen StepName.-here { color: $text; text-style: bold; }
    NewClusterScreen ContentSwitcher { height: 1fr; width: 1fr; }
    """

    def __init__(self, client: Client) -> None:
        super().__init__(client)
        self.making = Making()
        self.step = Step.TEMPLATE
        self._seen = {Step.TEMPLATE}
        self._templates: list[wire.Template] = []
        self._ready = False
        self._finished = False  # nothing is to be kept any more
        self._drafts: Drafts | None = None
        self._saving = False
        self._beside = RequestBeside(self.making, client.url)
        self._told = ""  # what stands on the second line until something is done about it

    def body(self) -> ComposeResult:
        """The steps' names, and the present one."""
        with Horizontal(id="steps"):
            for step in STEPS:
                yield StepName(step)
        making = self.making
        with Horizontal():
            with ContentSwitcher(initial=self.step.value):
                yield TemplatePane(making)
                yield TopologyPane(making)
                yield NodesPane(making)
                yield AccessPane(making, self.client)
                yield ComponentsPane(making)
                yield HardeningPane(making, self.client)
                yield ReviewPane(making, self.client.url)
            yield self._beside

    @property
    def pane(self) -> Pane:
        """The present step."""
        return self.query_one(f"#{self.step.value}", Pane)

    # --- what the server offers ---

    @override
    def load(self) -> None:
        """Asks once; what is typed is not to be moved by later answers."""
        if not self._ready:
            super().load()

    async def fetch(self) -> None:
        """What may be chosen, and the templates with their versions."""
        self.making.choices = Choices.of(await self.client.catalogue())
        found: list[wire.Template] = []
        for template in await self.client.every_template():
            versions = [template]
            if template.version > 1:
                versions = (await self.client.template_versions(template.id)).data[:MOST_VERSIONS]
            found += versions
        self._templates = found

    def draw(self) -> None:
        """Begins, or goes on with what was left."""
        if self._ready or self.client.user is None:
            return
        self._ready = True
        if not self.app.is_web:  # the disk there is the web server's
            self._drafts = Drafts(self.client.url, self.client.user.id)
        kept = self._drafts.load() if self._drafts is not None else None
        if kept is None:
            self._show_all()
        else:
            self._offer(kept)

    @work(exclusive=True, group="offer")
    async def _offer(self, kept: Kept) -> None:
        name = text.one_line(kept.draft.name) or "without a name"
        told = (
            f"Cluster {name}, {len(kept.draft.nodes)} nodes. Keys and passwords were not kept.\n"
            "y goes on with it, n begins anew and drops it."
        )
        question = Confirm(f"There is a draft of {text.ago(kept.saved_at)}. Go on with it?", told)
        answer = await self.app.push_screen_wait(question)
        if answer is None:
            self._finished = True  # the draft stays as it lies
            self.app.pop_screen()
            return
        if answer:
            self.making.draft = kept.draft
            for pane in self.query(Pane):
                pane.tells_all = True  # somebody has been there already
        elif self._drafts is not None:
            self._drafts.forget()
        self._show_all()

    def _show_all(self) -> None:
        self.query_one(TemplatePane).offer(self._templates)
        self._go(self.step)

    # --- steps ---

    def action_step(self, by: int) -> None:
        """The next step, or the one before."""
        at = STEPS.index(self.step) + by
        if 0 <= at < len(STEPS):
            self._go(STEPS[at])

    @on(StepName.Wanted)
    def _clicked(self, event: StepName.Wanted) -> None:
        self._go(event.step)

    @override
    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """There is nothing to narrow in a form."""
        return False if action == "filter" else super().check_action(action, parameters)

    def _go(self, step: Step, field: str = "", *, told: str = "") -> None:
        if step is not self.step and not self.pane.leave():
            self._show()
            return
        if step is not self.step:
            self.pane.tells_all = True
        self.step = step
        self._told = told
        self._seen.add(step)
        self.pane.tells_all = self.pane.tells_all or bool(told) or step is Step.REVIEW
        self.query_one(ContentSwitcher).current = step.value
        pane = self.pane
        pane.fill()
        self._show()
        pane.to(field)
        self._keep()

    @on(Edited)
    def _edited(self) -> None:
        self._told = ""
        self._show()
        if not self._saving and self._ready:
            self._saving = True
            self.set_timer(SAVE_SECONDS, self._keep)

    @on(Left)
    def _show(self) -> None:
        self.pane.notes()
        pane = self.pane
        wrong = {
            step
            for problem in self.making.problems()
            if (step := step_of(problem.field)) is not self.step or pane.shows(problem.field)
        }
        for name in self.query(StepName):
            sign = "○" if name.step not in self._seen else "✗" if name.step in wrong else "●"
            if name.step is Step.REVIEW and name.step in self._seen:
                sign = "✗" if wrong else "●"
            name.show(sign, here=name.step is self.step)
        number = STEPS.index(self.step) + 1
        named = text.one_line(self.making.draft.name) or "new"
        here = f"‹ clusters ‹ {named} · step {number} of {len(STEPS)}"
        self.crumbs(f"✗ {self._told}" if self._told else here)
        if self._beside.display:
            self._beside.as_curl = self.step is Step.REVIEW  # which has it as YAML itself
            self._beside.show()

    def on_resize(self, event: events.Resize) -> None:
        """Where there is room, the request is read while it is made."""
        self._beside.display = event.size.width >= WIDE
        if self._ready:
            self._show()

    def action_read(self) -> None:
        """The request so far; in the review, its other form."""
        if self.step is Step.REVIEW:
            self.query_one(ReviewPane).query_one(RequestText).action_turn()
        else:
            self.app.push_screen(Reading(self.making, self.client.url))

    # --- the draft ---

    def _keep(self) -> None:
        self._saving = False
        if self._drafts is None or self._finished or self.making.draft.is_blank:
            return
        try:
            self._drafts.save(self.making.draft)
        except OSError as failed:
            self._finished = True
            self.say(f"The draft cannot be kept: {failed.strerror}.", failed=True)

    def on_unmount(self) -> None:
        """However it ends: nothing is lost."""
        self._keep()

    @override
    def action_back(self) -> None:
        """Leaves; what was said is kept, but for secrets."""
        if not self.making.draft.is_blank:
            self._keep()
            self.say("Kept as a draft, without keys and passwords. Making a new cluster offers it again.")
        self.app.pop_screen()

    def subject(self) -> object:
        """The request, without secrets."""
        return self.making.as_data()

    # --- creating ---

    def action_create(self) -> None:
        """From the review: creates. From elsewhere: the review first."""
        if self.step is not Step.REVIEW:
            self._go(Step.REVIEW)
            return
        problems = self.making.problems()
        if problems:
            self._point_at(problems[0].field, f"{problems[0].field}: {problems[0].message}")
        else:
            self._create()

    def _point_at(self, field: str, message: str) -> None:
        self._go(step_of(field), field, told=message)

    @work(exclusive=False, group="create")
    async def _create(self) -> None:
        if self._finished:
            return
        self._finished = True  # pressed twice, it is sent once; an answer that is lost may be asked for again
        try:
            made = await self.client.create_cluster(self.making.body(), self.making.key())
        except errors.SessionEnded as ended:
            self.app.post_message(messages.SignInNeeded(str(ended)))
        except errors.Refused as refused:
            self._refused(refused)
        except errors.Unreachable as lost:
            self.say(f"{lost} Press ctrl+s again: the same request makes one cluster only.", failed=True)
        except errors.ApiError as failed:
            self.say(str(failed), failed=True)
        else:
            self._created(made)
            return
        self._finished = False

    def _refused(self, refused: errors.Refused) -> None:
        fields = refused.fields
        if not fields and refused.code == 409 and repr(self.making.draft.name) in str(refused):
            fields = {"name": str(refused)}  # the one conflict that a field can mend
        if not fields:
            self.say(str(refused), failed=True)
            return
        self.making.refused(fields)
        first = min(fields, key=lambda field: STEPS.index(step_of(field)))
        self._point_at(first, f"{first}: {fields[first]}")

    def _created(self, made: wire.Created) -> None:
        if self._drafts is not None:
            self._drafts.forget()
        self.making.draft = Draft()
        self.app.pop_screen()
        if made.job is not None:
            self.app.post_message(messages.Open("jobs", made.job.id))
        else:
            self.app.post_message(messages.Open("clusters", made.cluster.id))
