"""When the certificates of a control plane expire, read from its files.

Without kubeadm, which asks an apiserver that may be down, and without openssl, which need not be there.
Runs on the nodes, so it is written for Python 3.9 and the standard library alone.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import os
import re

KUBERNETES = "/etc/kubernetes"

#: As `kubeadm certs check-expiration` calls them, and where they are. The kubelet renews its own by itself.
FILES = (
    ("apiserver", "pki/apiserver.crt"),
    ("apiserver-kubelet-client", "pki/apiserver-kubelet-client.crt"),
    ("apiserver-etcd-client", "pki/apiserver-etcd-client.crt"),
    ("front-proxy-client", "pki/front-proxy-client.crt"),
    ("etcd-server", "pki/etcd/server.crt"),
    ("etcd-peer", "pki/etcd/peer.crt"),
    ("etcd-healthcheck-client", "pki/etcd/healthcheck-client.crt"),
    ("admin.conf", "admin.conf"),
    ("super-admin.conf", "super-admin.conf"),
    ("controller-manager.conf", "controller-manager.conf"),
    ("scheduler.conf", "scheduler.conf"),
    ("ca", "pki/ca.crt"),
    ("etcd-ca", "pki/etcd/ca.crt"),
    ("front-proxy-ca", "pki/front-proxy-ca.crt"),
)

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", re.DOTALL)
_EMBEDDED = re.compile(r"^\s*client-certificate-data:\s*(\S+)\s*$", re.MULTILINE)
_SEQUENCE, _VERSION, _UTC_TIME, _GENERALIZED_TIME = 0x30, 0xA0, 0x17, 0x18


def expiries(home=KUBERNETES):
    """Name and expiry (ISO 8601, UTC) of each certificate that is there and can be read."""
    found = []
    for name, path in FILES:
        try:
            with open(os.path.join(home, path), encoding="ascii", errors="replace") as stream:
                found.append({"name": name, "expires_at": not_after(der(stream.read())).isoformat()})
        except (OSError, ValueError, IndexError):
            continue
    return found


def der(text):
    """The bytes of the first certificate in a PEM file, or of the client's in a kubeconfig; raises ValueError."""
    embedded = _EMBEDDED.search(text)
    if embedded:
        text = base64.b64decode(embedded.group(1)).decode("ascii", "replace")
    block = _PEM.search(text)
    if not block:
        raise ValueError("no certificate")
    try:
        return base64.b64decode(block.group(1))
    except binascii.Error as error:
        raise ValueError("no certificate") from error


def not_after(certificate):
    """The end of a certificate's validity (RFC 5280, 4.1); raises ValueError or IndexError for what is none."""
    body = _elements(_inside(_SEQUENCE, *_elements(certificate)[0]))
    fields = _elements(_inside(_SEQUENCE, *body[0]))
    if fields[0][0] == _VERSION:
        fields = fields[1:]
    validity = _elements(_inside(_SEQUENCE, *fields[3]))  # after serial number, signature and issuer
    tag, value = validity[1]
    if tag not in (_UTC_TIME, _GENERALIZED_TIME):
        raise ValueError("not a time")
    text = value.decode("ascii")
    if tag == _UTC_TIME:
        text = ("20" if int(text[:2]) < 50 else "19") + text
    return datetime.datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=datetime.timezone.utc)


def _elements(data):
    """The elements that follow each other, as tag and content."""
    found, place = [], 0
    while place < len(data):
        tag, length, place = data[place], data[place + 1], place + 2
        if length & 0x80:
            size = length & 0x7F
            length, place = int.from_bytes(data[place : place + size], "big"), place + size
        if place + length > len(data):
            raise ValueError("cut short")
        found.append((tag, data[place : place + length]))
        place += length
    return found


def _inside(wanted, tag, content):
    if tag != wanted:
        raise ValueError("not a certificate")
    return content
