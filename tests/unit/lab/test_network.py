"""Networks of labs: the same for the same name, never one that is taken."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import pytest

from engine.domain import errors
from engine.lab import network

WHOLE = ipaddress.IPv4Network("10.192.0.0/11")


def test_the_same_name_gets_the_same_subnet_inside_the_range_of_labs():
    subnet = network.choose_subnet("demo", [])
    assert subnet == network.choose_subnet("demo", [])
    assert subnet.prefixlen == 24
    assert subnet.subnet_of(WHOLE)


def test_a_taken_subnet_is_stepped_over():
    first = network.choose_subnet("demo", [])
    second = network.choose_subnet("demo", [first.supernet(new_prefix=20)])
    assert not second.overlaps(first.supernet(new_prefix=20))


def test_the_last_subnet_wraps_to_the_first_free_one():
    free = ipaddress.IPv4Network("10.200.7.0/24")
    assert network.choose_subnet("demo", WHOLE.address_exclude(free)) == free


def test_a_machine_that_routes_the_whole_range_is_refused():
    with pytest.raises(errors.Conflict, match="No free /24"):
        network.choose_subnet("demo", [ipaddress.IPv4Network("10.0.0.0/8")])


@pytest.mark.parametrize("name", ["a", "lab", "a-name-of-thirty-characters-ok", "abcde-f"])
def test_an_interface_name_fits_the_kernel(name: str):
    link = network.link_name(Path("/var/lib/keelyard/lab") / name)
    assert len(link) <= 15
    assert link.startswith("kl-")
    assert "--" not in link


def test_labs_of_one_name_in_two_homes_have_two_interfaces():
    assert network.link_name(Path("/one/lab/demo")) != network.link_name(Path("/two/lab/demo"))


def test_routes_count_as_taken_but_the_default_route_does_not():
    routes = [{"dst": "default"}, {"dst": "10.200.0.0/16"}, {"dst": "10.5.5.5", "type": "local"}]
    assert network._routes(routes) == [
        ipaddress.IPv4Network("10.200.0.0/16"),
        ipaddress.IPv4Network("10.5.5.5/32"),
    ]


def test_addresses_count_with_their_whole_network():
    links = [{"addr_info": [{"local": "192.0.2.7", "prefixlen": 24}]}, {}]
    assert network._addresses(links) == [ipaddress.IPv4Network("192.0.2.0/24")]
