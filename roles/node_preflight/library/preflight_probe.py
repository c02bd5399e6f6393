#!/usr/bin/python
"""Asks the other nodes' listeners, or ends this node's own."""

from __future__ import annotations

DOCUMENTATION = r"""
module: preflight_probe
short_description: Probe the way from this node to the others
description: Connects to the TCP ports and sends datagrams to the UDP ports that Kubernetes needs between nodes.
options:
  peers:
    description: The other nodes, each with name, address, tcp, udp (lists of ports) and mtu.
    type: list
    elements: dict
    default: []
  mtu:
    description: MTU of this node's interface.
    type: int
    default: 1500
  release:
    description: End this node's listeners instead of probing.
    type: bool
    default: false
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.keelyard_net import ask, connect, end_listeners


def problem(check, text, remedy):
    """One problem in the shape of the preflight report."""
    return {"check": check, "severity": "error", "problem": text, "remedy": remedy}


def probe_tcp(peer):
    """Problems with the peer's TCP ports."""
    for port in peer["tcp"]:
        why = connect(peer["address"], port)
        if why:
            yield problem(
                "port matrix",
                "%s (%s) port %d/tcp %s" % (peer["name"], peer["address"], port, why),
                "open %d/tcp between the nodes" % port,
            )


def probe_udp(peer, mtu):
    """Problems with the peer's UDP ports, the path's MTU and the peer's clock."""
    for port in peer["udp"]:
        answer, why = ask(peer["address"], port, 64)
        where = "%s (%s) port %d/udp" % (peer["name"], peer["address"], port)
        if answer is None:
            yield problem("port matrix", "%s %s" % (where, why), "open %d/udp between the nodes" % port)
            continue
        if abs(answer[1]) > 2:
            yield problem("clock", "%s is %+.1f s off" % (peer["name"], answer[1]), "start chrony on both nodes")
        size = min(mtu, peer["mtu"]) - 28
        answer, why = ask(peer["address"], port, size)
        if answer is None:
            yield problem(
                "mtu",
                "a packet of %d bytes to %s %s" % (size + 28, peer["name"], why),
                "set the MTU of both interfaces to what the path carries",
            )


def main():
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "peers": {"type": "list", "elements": "dict", "default": []},
            "mtu": {"type": "int", "default": 1500},
            "release": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    if module.params["release"]:
        end_listeners()
        module.exit_json(changed=False)
    problems = []
    for peer in module.params["peers"]:
        problems += [*probe_tcp(peer), *probe_udp(peer, module.params["mtu"])]
    module.exit_json(changed=False, problems=problems)


if __name__ == "__main__":
    main()
