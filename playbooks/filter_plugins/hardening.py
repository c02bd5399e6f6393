"""Which items of a hardening catalogue are applied to a node."""

from __future__ import annotations

from ansible.errors import AnsibleFilterError

HOME = "debian12"  # item ids are the numbers of its benchmark, so every item exists there
CARRIED_OUT = ("applied", "adapted")


def exists(id_, item, os_type):
    """Whether an operating system has an item; what is not of a system's benchmark is for all of them."""
    return not id_.startswith("linux-") or os_type == HOME or os_type in (item.get("numbers") or {})


def level_on(item, os_type):
    """The level of an item in the benchmark of an operating system."""
    return (item.get("levels") or {}).get(os_type, item.get("level", 1))


def hardening_on(catalogue, os_type, level, excepted):
    """Ids of the items that exist for the operating system, are not above the level, are carried out, and have no exception.

    Raises AnsibleFilterError for an exception that is spelled like an id of this catalogue and is none: it would be ignored
    silently.
    """
    kinds = {id_.partition("-")[0] for id_ in catalogue}
    unknown = sorted(id_ for id_ in excepted if id_.partition("-")[0] in kinds and id_ not in catalogue)
    if unknown:
        raise AnsibleFilterError("No such hardening item: %s. Mend the list of exceptions." % ", ".join(unknown))
    return [
        id_
        for id_, item in catalogue.items()
        if exists(id_, item, os_type)
        and level_on(item, os_type) <= int(level)
        and item.get("disposition", "applied") in CARRIED_OUT
        and id_ not in excepted
    ]


class FilterModule:
    """Registers the filter."""

    def filters(self):
        """Filter name → function."""
        return {"hardening_on": hardening_on}
