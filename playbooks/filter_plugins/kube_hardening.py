"""Filters that put hardening's settings into kubeadm's and the kubelet's configurations, and take them out again."""

from __future__ import annotations

import copy
import ipaddress
import json

import yaml


def _wanted(entry, on):
    return any(item in on for item in entry["items"])


def _named(entry):
    return {key: value for key, value in entry.items() if key != "items"}


def _merged(present, entries, on):
    """A list of things with names, with those that are on, and without those that are off and still as they were given."""
    result = list(present or [])
    for entry in entries:
        mine = _named(entry)
        if _wanted(entry, on):
            if mine not in result:
                result = [other for other in result if other["name"] != mine["name"]] + [mine]
        else:
            result = [other for other in result if other != mine]
    return result


def _put(configuration, path, value):
    """Sets a member deep inside, or takes it away when the value is empty."""
    *parents, last = path
    for parent in parents:
        configuration = configuration.setdefault(parent, {})
    if value:
        configuration[last] = value
    else:
        configuration.pop(last, None)


def with_flags(configuration, flags, volumes, on):
    """A ClusterConfiguration with the flags and volumes of the items that are on.

    Flags that nobody at Keelyard asked for stay. One whose items are off goes, unless it was given another value meanwhile.
    """
    result = copy.deepcopy(dict(configuration or {}))
    for component, entries in flags.items():
        place = ["etcd", "local"] if component == "etcd" else [component]
        present = result
        for part in place:
            present = present.get(part) or {}
        if component == "etcd" and (result.get("etcd") or {}).get("external"):
            continue
        arguments = _merged(present.get("extraArgs"), entries, on)
        if arguments or present.get("extraArgs"):
            _put(result, [*place, "extraArgs"], arguments)
    mounted = _merged((result.get("apiServer") or {}).get("extraVolumes"), volumes, on)
    if mounted or (result.get("apiServer") or {}).get("extraVolumes"):
        _put(result, ["apiServer", "extraVolumes"], mounted)
    return result


def with_settings(configuration, settings, on):
    """A KubeletConfiguration with the settings of the items that are on, by the same rules as flags."""
    result = copy.deepcopy(dict(configuration or {}))
    for entry in settings:
        name, value = entry["name"], entry["value"]
        if _wanted(entry, on):
            result[name] = value
        elif result.get(name) == value:
            del result[name]
    return result


def as_yaml(wanted, before):
    """A configuration as text: that of before, when it says the same."""
    if yaml.safe_load(before) == wanted:
        return before.rstrip("\n") + "\n"
    return yaml.safe_dump(json.loads(json.dumps(wanted)), default_flow_style=False, width=1000)


def asked_for(entries, on):
    """The entries of which an item is on, without the items."""
    return [_named(entry) for entry in entries if _wanted(entry, on)]


def _is_address(text):
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def serving_addresses(hosts, hostvars, name):
    """Host → the addresses its kubelet may ask a serving certificate for: discovered, written down, and where it is reached."""
    found = {}
    for host in (host for host in hosts if host in hostvars):
        told = hostvars[host]
        candidates = [
            (told.get(name) or {}).get("address"),
            told.get("keelyard_internal_address"),
            told.get("ansible_host", host),
        ]
        found[host] = sorted({str(one) for one in candidates if one and _is_address(str(one))})
    return found


class FilterModule:
    """Registers the filters."""

    def filters(self):
        """Filter name → function."""
        return {
            "with_flags": with_flags,
            "with_settings": with_settings,
            "as_yaml": as_yaml,
            "asked_for": asked_for,
            "serving_addresses": serving_addresses,
        }
