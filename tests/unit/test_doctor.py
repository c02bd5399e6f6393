"""The doctor names what is missing and how to mend it."""

import json

from click.testing import CliRunner

from engine.processes import doctor as examination
from engine.processes.commands.doctor import doctor


def test_a_missing_program_comes_with_the_command_that_installs_it(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("KEELYARD_HOME", str(tmp_path))

    findings = {finding.subject: finding for finding in examination.examine()}

    assert not findings["ssh"].ok
    assert findings["ssh"].remedy == "apt-get install -y openssh-client"


def test_a_missing_requirement_ends_with_exit_code_1(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("KEELYARD_HOME", str(tmp_path))

    result = CliRunner().invoke(doctor, ["--json"])

    assert result.exit_code == 1
    assert {"area", "subject", "ok", "required", "detail", "remedy"} == set(json.loads(result.stdout)[0])
