#!/usr/bin/python3
"""Approves the serving certificates that kubelets of this cluster's own nodes ask for, and no other request.

Runs on control planes beside the API server, with a client certificate that may only look at certificate requests and approve
those of kubelets' serving certificates. A request that is not exactly what a kubelet of a known node would ask for is left for a
person to decide, and the journal says why. Written for Python 3.9 and the standard library alone.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import http.client
import ipaddress
import json
import os
import pwd
import re
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from urllib.parse import quote

SIGNER = "kubernetes.io/kubelet-serving"
NODES = "/etc/keelyard/kubelet-approver.json"
HOME = "/var/lib/keelyard-approver"
PKI = "/etc/kubernetes/pki"
CLIENT = "keelyard:kubelet-approver"
USAGES = ({"digital signature", "server auth"}, {"digital signature", "key encipherment", "server auth"})
REQUESTS = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
SELECTOR = "fieldSelector=" + quote("spec.signerName=" + SIGNER)
WATCH_SECONDS = 240  # after which everything is listed anew, with the nodes as they are known then
MOST_BYTES = 16 * 1024  # a kubelet's request has less than two
VALID_DAYS, RENEW_DAYS = 60, 30

SEQUENCE, SET, OID, CONTEXT_0 = 0x30, 0x31, 0x06, 0xA0
OCTETS, DNS_NAME, IP_ADDRESS = 0x04, 0x82, 0x87
STRINGS = (0x0C, 0x13)  # UTF8String and PrintableString, what Go writes
COMMON_NAME, ORGANIZATION = b"\x55\x04\x03", b"\x55\x04\x0a"
EXTENSION_REQUEST, SUBJECT_ALT_NAME = b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x0e", b"\x55\x1d\x11"
_PEM = re.compile(rb"\A-----BEGIN CERTIFICATE REQUEST-----\r?\n([A-Za-z0-9+/=\r\n]+)-----END CERTIFICATE REQUEST-----\s*\Z")


class RefusedError(Exception):
    """Why a request is not approved, in words."""


def elements(data):
    """The elements of DER that follow each other: tag and content. Only the one shortest way to write a length is taken."""
    found, place = [], 0
    while place < len(data):
        if place + 2 > len(data):
            raise RefusedError("its form is broken")
        tag, length, place = data[place], data[place + 1], place + 2
        if length & 0x80:
            size = length & 0x7F
            length, shortest = int.from_bytes(data[place : place + size], "big"), data[place : place + 1] != b"\0"
            if not 0 < size <= 3 or not shortest or length < 0x80 or length >> (8 * (size - 1)) == 0:
                raise RefusedError("its form is broken")
            place += size
        if place + length > len(data):
            raise RefusedError("its form is broken")
        found.append((tag, data[place : place + length]))
        place += length
    return found


def inside(element, wanted):
    """The elements inside one of a wanted kind."""
    if element[0] != wanted:
        raise RefusedError("its form is not that of a kubelet's request")
    return elements(element[1])


def pair(element, wanted=SEQUENCE):
    """The two elements inside one."""
    parts = inside(element, wanted)
    if len(parts) != 2:
        raise RefusedError("its form is not that of a kubelet's request")
    return parts


def subject(element):
    """The subject as (object identifier, text) in its order; every part has one value."""
    found = []
    for part in inside(element, SEQUENCE):
        values = inside(part, SET)
        if len(values) != 1:
            raise RefusedError("its subject has parts with several values")
        (kind, identifier), (tag, text) = pair(values[0])
        if kind != OID or tag not in STRINGS:
            raise RefusedError("its subject is written in an unusual way")
        try:
            found.append((identifier, text.decode("ascii")))
        except UnicodeDecodeError as reason:
            raise RefusedError("its subject has letters no node's name has") from reason
    return found


def alternatives(attributes):
    """The names and addresses that are asked for; any other wish is refused."""
    names, addresses = [], []
    if len(attributes) != 1:
        raise RefusedError("it has other attributes than names and addresses")
    (kind, identifier), values = pair(attributes[0])
    lists = inside(values, SET)
    if kind != OID or identifier != EXTENSION_REQUEST or len(lists) != 1:
        raise RefusedError("it has other attributes than names and addresses")
    extensions = inside(lists[0], SEQUENCE)
    if len(extensions) != 1:
        raise RefusedError("it asks for other extensions than names and addresses")
    parts = inside(extensions[0], SEQUENCE)
    if parts[0] != (OID, SUBJECT_ALT_NAME) or parts[-1][0] != OCTETS or len(parts) > 3:
        raise RefusedError("it asks for other extensions than names and addresses")
    content = elements(parts[-1][1])
    if len(content) != 1:
        raise RefusedError("its form is broken")
    for tag, value in inside(content[0], SEQUENCE):
        if tag == DNS_NAME:
            names.append(value.decode("latin-1"))
        elif tag == IP_ADDRESS and len(value) in (4, 16):
            addresses.append(str(ipaddress.ip_address(value)))
        else:
            raise RefusedError("it asks for something that is neither a name nor an address")
    return names, addresses


def parsed(request):
    """Subject, names and addresses of a PKCS #10 request in PEM."""
    block = _PEM.match(request) if len(request) <= MOST_BYTES else None
    if not block:
        raise RefusedError("it does not hold one certificate request")
    try:
        der = base64.b64decode(block.group(1).replace(b"\r", b"").replace(b"\n", b""), validate=True)
    except binascii.Error as reason:
        raise RefusedError("it does not hold one certificate request") from reason
    whole = elements(der)
    if len(whole) != 1:
        raise RefusedError("its form is broken")
    parts = inside(whole[0], SEQUENCE)
    body = inside(parts[0], SEQUENCE) if parts else []
    if len(parts) != 3 or len(body) != 4 or body[3][0] != CONTEXT_0:
        raise RefusedError("its form is not that of a kubelet's request")
    return (subject(body[1]), *alternatives(elements(body[3][1])))


def check(item, nodes):
    """Raises RefusedError unless a request is what the kubelet of one of our nodes asks for. Returns the node's name."""
    spec = item.get("spec", {})
    user = spec.get("username", "")
    name = user[len("system:node:") :]
    if spec.get("signerName") != SIGNER:
        raise RefusedError("it is for another signer")
    if not user.startswith("system:node:") or name not in nodes:
        raise RefusedError("%r is none of this cluster's nodes" % user[:80])
    if "system:nodes" not in spec.get("groups", []):
        raise RefusedError("who asks is not in the nodes' group")
    usages = spec.get("usages", [])
    if set(usages) not in USAGES or len(usages) != len(set(usages)):
        raise RefusedError("it asks for other usages than a server's")
    try:
        request = base64.b64decode(spec.get("request", ""), validate=True)
    except (binascii.Error, ValueError) as reason:
        raise RefusedError("it does not hold one certificate request") from reason
    who, names, addresses = parsed(request)
    if sorted(who) != [(COMMON_NAME, user), (ORGANIZATION, "system:nodes")]:
        raise RefusedError("its subject is not the node that asks")
    if not names and not addresses:
        raise RefusedError("it names neither name nor address")
    strange = [other for other in names if other != name] + [other for other in addresses if other not in nodes[name]]
    if strange:
        raise RefusedError("it asks for what is not the node's own: %s" % ", ".join(repr(one[:60]) for one in strange[:3]))
    return name


def undecided(item):
    """Whether nobody has decided about a request yet."""
    kinds = {condition.get("type") for condition in item.get("status", {}).get("conditions", [])}
    return not kinds & {"Approved", "Denied", "Failed"} and not item.get("status", {}).get("certificate")


def known(path=HOME + "/nodes.json"):
    """The API server's address, and the nodes with their addresses in one spelling."""
    with open(path, encoding="utf-8") as stream:
        told = json.load(stream)
    nodes = {name: {str(ipaddress.ip_address(one)) for one in found} for name, found in told["nodes"].items()}
    return told["server"], nodes


class Cluster:
    """The API server, spoken to with the approver's own certificate."""

    def __init__(self, server, home=HOME):
        self.server = server
        self.context = ssl.create_default_context(cafile=os.path.join(home, "ca.crt"))
        self.context.load_cert_chain(os.path.join(home, "client.crt"), os.path.join(home, "client.key"))

    def open(self, verb, path, body=None, timeout=30):
        """Sends a request; returns the connection and its answer."""
        connection = http.client.HTTPSConnection(self.server, 6443, context=self.context, timeout=timeout)
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        connection.request(verb, path, body=json.dumps(body) if body is not None else None, headers=headers)
        return connection, connection.getresponse()

    def ask(self, verb, path, body=None):
        """Status and content of an answer."""
        connection, answer = self.open(verb, path, body)
        try:
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def approve(self, item, name):
        """Approves a request; one that was changed meanwhile is refused by the API server and comes again."""
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        message = "Serving certificate of the node %s, with its own name and addresses alone" % name
        condition = {"type": "Approved", "status": "True", "reason": "KnownNode", "message": message, "lastUpdateTime": now}
        item.setdefault("status", {}).setdefault("conditions", []).append(condition)
        item.update({"apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest"})
        return self.ask("PUT", "%s/%s/approval" % (REQUESTS, quote(item["metadata"]["name"])), item)[0]

    def events(self, version):
        """The requests that are made or changed from now on, until the API server ends the watch."""
        path = "%s?watch=1&timeoutSeconds=%d&resourceVersion=%s&%s" % (REQUESTS, WATCH_SECONDS, quote(version), SELECTOR)
        connection, answer = self.open("GET", path, timeout=WATCH_SECONDS + 30)
        try:
            for line in answer:
                event = json.loads(line)
                if event.get("type") == "ERROR":
                    return
                if event.get("type") in ("ADDED", "MODIFIED"):
                    yield event["object"]
        finally:
            connection.close()


def say(text):
    """One line for the journal."""
    print(text, flush=True)


def judge(cluster, item, nodes, refused):
    """Approves a request or says, once, why not."""
    label = item["metadata"]["name"]
    if not undecided(item):
        return
    try:
        name = check(item, nodes)
    except RefusedError as reason:
        if refused.get(label) != str(reason):
            refused[label] = str(reason)
            say("%s is left to a person: %s." % (label, reason))
        return
    say("%s for %s: %s" % (label, name, "approved" if cluster.approve(item, name) == 200 else "not approved, comes again"))


def follow(cluster, refused):
    """Lists what is there and watches what comes, once."""
    _, nodes = known()
    status, listed = cluster.ask("GET", "%s?%s" % (REQUESTS, SELECTOR))
    if status != 200:
        raise OSError("the API server answers %d: %s" % (status, listed.get("message", "")))
    items = listed.get("items", [])
    for label in set(refused) - {item["metadata"]["name"] for item in items}:
        del refused[label]
    for item in items:
        judge(cluster, item, nodes, refused)
    for item in cluster.events(listed["metadata"]["resourceVersion"]):
        judge(cluster, item, known()[1], refused)


def serve():
    """Goes on for ever; an API server that is away is asked again."""
    refused = {}
    while True:
        try:
            follow(Cluster(known()[0]), refused)
        except (OSError, http.client.HTTPException, ValueError, socket.timeout) as reason:
            say("Trying again in 5 s: %s" % reason)
            time.sleep(5)


def openssl(*arguments):
    """Runs openssl; raises CalledProcessError."""
    return subprocess.run(["openssl", *arguments], check=True, capture_output=True, text=True).stdout


def lasts(certificate):
    """Whether a certificate is of this cluster's authority and valid for long enough."""
    questions = (
        ["openssl", "verify", "-CAfile", PKI + "/ca.crt", certificate],
        ["openssl", "x509", "-checkend", str(RENEW_DAYS * 86400), "-noout", "-in", certificate],
    )
    return all(subprocess.run(question, check=False, capture_output=True).returncode == 0 for question in questions)


def hand_over(source, name, owner, mode=0o600):
    """Copies a file to where the service can read it."""
    with open(source, "rb") as given, open(os.path.join(HOME, name + ".new"), "wb") as made:
        os.fchmod(made.fileno(), mode)
        os.fchown(made.fileno(), *owner)
        made.write(given.read())
    os.replace(made.name, os.path.join(HOME, name))


def renew(owner):
    """Hands the service what it needs: the nodes, the authority, and a certificate of its own, made anew when it is due."""
    hand_over(NODES, "nodes.json", owner)
    hand_over(PKI + "/ca.crt", "ca.crt", owner)
    if lasts(os.path.join(HOME, "client.crt")):
        return
    with tempfile.TemporaryDirectory(dir=HOME) as scratch:
        key, request, extensions, made = (os.path.join(scratch, name) for name in ("key", "csr", "extensions", "crt"))
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key)
        openssl("req", "-new", "-key", key, "-subj", "/CN=" + CLIENT, "-out", request)
        with open(extensions, "w", encoding="ascii") as stream:
            stream.write("keyUsage=critical,digitalSignature\nextendedKeyUsage=clientAuth\n")
        openssl(
            "x509", "-req", "-in", request, "-CA", PKI + "/ca.crt", "-CAkey", PKI + "/ca.key", "-days", str(VALID_DAYS),
            "-set_serial", "0x" + os.urandom(15).hex(), "-extfile", extensions, "-out", made,
        )  # fmt: skip
        hand_over(key, "client.key", owner)
        hand_over(made, "client.crt", owner)


if __name__ == "__main__":
    if sys.argv[1:2] == ["renew"]:
        account = pwd.getpwnam("keelyard-approver")
        renew((account.pw_uid, account.pw_gid))
    else:
        serve()
