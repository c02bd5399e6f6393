"""Listeners and probes of the preflight check: can the nodes reach each other on the ports they will need?"""

from __future__ import annotations

import errno
import os
import selectors
import signal
import socket
import struct
import time

IP_MTU_DISCOVER, IP_PMTUDISC_DO = 10, 2
REPLY = struct.Struct("!dH")
NAME = "keelyard-listen"  # what a listener calls itself, at most 15 characters


def _bound(kind, port):
    server = socket.socket(socket.AF_INET, kind)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(("0.0.0.0", port))
    if kind == socket.SOCK_STREAM:
        server.listen(64)
    server.setblocking(False)
    return server


def _serve(servers, seconds):
    """Accepts and closes TCP connections, answers datagrams with the clock and the size received, until time is up."""
    selector = selectors.DefaultSelector()
    for server in servers:
        selector.register(server, selectors.EVENT_READ)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for key, _ in selector.select(timeout=1):
            try:
                if key.fileobj.type == socket.SOCK_STREAM:
                    key.fileobj.accept()[0].close()
                else:
                    data, peer = key.fileobj.recvfrom(65535)
                    key.fileobj.sendto(REPLY.pack(time.time(), len(data)), peer)
            except OSError:
                continue


def listen(tcp_ports, udp_ports, seconds):
    """Opens listeners in a process of their own that ends by itself; returns its id, 0 when no port could be had."""
    servers = []
    for kind, ports in ((socket.SOCK_STREAM, tcp_ports), (socket.SOCK_DGRAM, udp_ports)):
        for port in ports:
            try:
                servers.append(_bound(kind, port))
            except OSError:
                continue
    if not servers:
        return 0
    child = os.fork()
    if child:
        for server in servers:
            server.close()
        return child
    try:
        os.setsid()
        os.chdir("/")
        with open("/proc/self/comm", "w", encoding="ascii") as comm:
            comm.write(NAME)
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nothing, stream)
        kept = {server.fileno() for server in servers}
        for descriptor in range(3, 256):
            if descriptor not in kept:
                try:
                    os.close(descriptor)
                except OSError:
                    continue
        _serve(servers, seconds)
    finally:
        os._exit(0)


def end_listeners():
    """Ends every listener on this node, those of a run that died included."""
    for process in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/comm" % process, encoding="ascii", errors="replace") as comm:
                if comm.read().strip() == NAME:
                    os.kill(int(process), signal.SIGKILL)
        except OSError:
            continue


def connect(address, port, timeout=3):
    """Why a TCP connection cannot be made, in words; empty when it can."""
    try:
        socket.create_connection((address, port), timeout=timeout).close()
    except socket.timeout:
        return "does not answer (a firewall drops it?)"
    except ConnectionRefusedError:
        return "refuses the connection (a firewall rejects it?)"
    except OSError as reason:
        return str(reason)
    return ""


def ask(address, port, size, tries=3):
    """Sends a datagram that must not be fragmented; returns ((answered size, clock offset), "") or (None, why not)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO)
        probe.settimeout(1)
        for _ in range(tries):
            sent = time.time()
            try:
                probe.sendto(b"k" * size, (address, port))
                data, _ = probe.recvfrom(64)
            except socket.timeout:
                continue
            except OSError as reason:
                return None, "is too big for the path" if reason.errno == errno.EMSGSIZE else str(reason)
            remote, received = REPLY.unpack(data)
            return (received, remote - (sent + time.time()) / 2), ""
    return None, "gets no answer"
