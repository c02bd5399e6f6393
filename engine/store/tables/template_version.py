"""A version of a template: written once."""

from piccolo.columns import JSONB, UUID, ForeignKey, Integer, OnDelete, Text, Timestamptz
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.columns.defaults.uuid import UUID4
from piccolo.table import Table

from engine.store.database import DATABASE
from engine.store.tables.template import Template


class TemplateVersion(Table, db=DATABASE):
    """What a template said from then on."""

    id = UUID(primary_key=True, default=UUID4())
    template_id = ForeignKey(references=Template, on_delete=OnDelete.cascade, null=False)
    version = Integer()
    name = Text()
    description = Text(default="")
    topology = JSONB(default="{}")
    components = JSONB(default="{}")
    hardening = JSONB(default="{}")
    created_by_email = Text()
    created_at = Timestamptz(default=TimestamptzNow())
