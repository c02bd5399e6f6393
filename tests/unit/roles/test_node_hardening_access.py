"""Chapters 5 to 8 of the role that hardens nodes: the way in stays open, pods' files stay as they are."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jinja2
import pytest
import yaml
from ansible.plugins.filter import core, mathstuff

from tests.unit.roles.loading import module, render
from tests.unit.roles.test_node_hardening import CARRIED_OUT, ROLE, SYSTEMS, tags_of, tasks

policy = module("account_policy", "node_hardening")
access = module("file_access", "node_hardening")
profiles = module("pam_profiles", "node_hardening")
NOTHING = {
    "most_days": 0, "least_days": 0, "warn_days": 0, "inactive_days": 0, "mend_future": False,
    "close_empty": "", "no_system_shells": False, "lock_shell_less": False,
}  # fmt: skip
#: Carried out by installing their packages before the chapters begin, or by the item beside them.
BY_PACKAGE = {
    "linux-5.3.1.1", "linux-5.3.1.2", "linux-5.3.1.3", "linux-6.1.2.1.1", "linux-6.1.3.1", "linux-6.2.1.1",
    "lynis-DEB-0280", "lynis-PKGS-7394",
}  # fmt: skip
BESIDE = {"linux-6.1.1.4": "linux-6.1.3.3"}


def account(**changed: Any) -> SimpleNamespace:
    known = {
        "name": "ann", "uid": 1000, "gid": 1000, "password": "$y$x", "changed": 20000, "least": 0, "most": 99999,
        "warn": 7, "inactive": -1, "has_password": True, "has_shell": True,
    }  # fmt: skip
    return SimpleNamespace(**known | changed)


def evaluate(expression: str, **variables: Any) -> str:
    """What an expression of the role's variables comes to."""
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False)
    environment.filters |= core.FilterModule().filters() | mathstuff.FilterModule().filters()
    return environment.from_string(expression).render(**variables)


def settings(path: str) -> dict[str, str]:
    """Keyword → value of the lines that tasks write into a file of their own."""
    blocks = [task for task in tasks() if path in str(task.get("module_defaults", ""))]
    lines = [inner["block_setting"]["line"] for block in blocks for inner in block["block"]]
    return {line.split()[0]: line.partition(" ")[2] for line in lines}


@pytest.mark.parametrize("name", [name for name in CARRIED_OUT if re.match(r"(linux-[567]\.|lynis-)", name)])
def test_every_item_that_is_carried_out_has_a_task_with_its_tag(name: str):
    if name in BY_PACKAGE:
        needed = yaml.safe_load((ROLE / "vars" / "main.yml").read_text())["__node_hardening_needed"]
        assert name in needed["Debian"] or name == "linux-6.1.3.1"
        return
    assert [task for task in tasks() if BESIDE.get(name, name) in tags_of(task)], name


def test_ansible_and_the_owner_keep_their_way_in():
    ssh = settings("/etc/ssh/sshd_config")

    assert ssh["MaxSessions"].startswith(
        "{{ 2 "
    )  # Ansible holds one at a time, and opens another connection at need
    assert "aes128-gcm@openssh.com" in ssh["Ciphers"]
    assert (
        "curve25519-sha256"
        in yaml.safe_load((ROLE / "vars" / "main.yml").read_text())["__node_hardening_kex_common"]
    )
    assert "'prohibit-password' if node_hardening_ssh_user == 'root'" in ssh["PermitRootLogin"]
    assert "PasswordAuthentication" not in ssh
    assert ssh["UsePAM"] == "yes"


@pytest.mark.parametrize(("item", "name"), [("linux-5.1.16", "MaxAuthTries"), ("linux-5.1.17", "MaxSessions")])
def test_an_exception_of_the_benchmarks_item_is_enough_whatever_lynis_wants(item: str, name: str):
    (step,) = [each for each in tasks() if each.get("block_setting", {}).get("line", "").startswith(name + " ")]

    wanted = step["block_setting"]["wanted"]

    assert evaluate(wanted, node_hardening_on=["lynis-SSH-7408"]) == "False"
    assert evaluate(wanted, node_hardening_on=[item]) == "True"


def test_everything_between_the_guards_begin_and_confirm_may_lock_out_and_nothing_before():
    steps = yaml.safe_load((ROLE / "tasks" / "5_access.yml").read_text())[0]["block"]
    states = [step.get("change_guard", {}).get("state") for step in steps]

    assert states[0] == "begin"
    guarded = [step["ansible.builtin.import_tasks"] for step in steps[1 : states.index("confirm")]]
    assert guarded == ["5_1_ssh.yml", "5_2_sudo.yml", "5_3_pam.yml", "8_beyond_ssh.yml"]


@pytest.mark.parametrize("name", ["5_access.yml", "4_firewall.yml"])
def test_a_rule_that_fails_under_a_guard_has_the_old_files_put_back_at_once_and_still_fails(name: str):
    guarded = next(step for step in yaml.safe_load((ROLE / "tasks" / name).read_text()) if "rescue" in step)

    assert [step["change_guard"]["state"] for step in guarded["block"] if "change_guard" in step] == [
        "begin",
        "confirm",
    ]
    assert guarded["rescue"][0]["change_guard"]["state"] == "rollback"
    assert "ansible.builtin.fail" in guarded["rescue"][1]


def test_the_account_keelyard_comes_in_by_is_let_in_and_never_refused():
    variables = yaml.safe_load((ROLE / "vars" / "main.yml").read_text())

    def line(user: str, users: list[str]) -> str:
        return evaluate(
            variables["__node_hardening_ssh_users_line"],
            node_hardening_ssh_user=user,
            node_hardening_ssh_users=users,
            __node_hardening_system_accounts=variables["__node_hardening_system_accounts"],
        )

    assert line("ops", ["ann"]) == "AllowUsers ops ann"
    assert line("root", []).startswith("DenyUsers daemon ")
    assert "root" not in line("root", []).split()
    assert "operator" not in line("operator", []).split()


def test_a_rule_never_closes_an_account_at_once():
    rules = NOTHING | {"most_days": 365, "inactive_days": 45}

    fresh = policy.ageing(account(changed=20000), rules, 20010)
    assert fresh == [["chage", "-M", "365", "ann"], ["chage", "-I", "45", "ann"]]
    assert policy.ageing(account(changed=19000), rules, 20010) == []
    assert policy.ageing(account(has_password=False), rules, 20010) == []
    assert policy.ageing(account(most=90, inactive=30), rules, 20010) == []


def test_system_accounts_lose_their_shells_and_people_keep_theirs():
    rules = NOTHING | {"no_system_shells": True}

    assert policy.closing(account(uid=33, name="www-data"), rules, 1000)[0][:2] == ["usermod", "-s"]
    assert policy.closing(account(), rules, 1000) == []
    assert policy.closing(account(uid=0, name="root"), rules, 1000) == []


def test_an_empty_password_becomes_one_that_nobody_can_type():
    rules = NOTHING | {"close_empty": "*"}

    assert policy.closing(account(password=""), rules, 1000) == [["usermod", "-p", "*", "ann"]]
    assert policy.closing(account(), rules, 1000) == []


def test_modes_are_taken_from_and_never_given(tmp_path: Path):
    wide, narrow = tmp_path / "wide.log", tmp_path / "narrow.log"
    pods = tmp_path / "pods"
    pods.mkdir()
    of_a_pod = pods / "0.log"
    for path, mode in ((wide, 0o666), (narrow, 0o400), (of_a_pod, 0o666)):
        path.touch()
        path.chmod(mode)
    parameters = {"most": "0640", "most_directory": "", "recurse": True}

    for path in access.everything([str(tmp_path)], True, [str(pods)]):
        access.bring(path, parameters, None, [], False)

    assert [path.stat().st_mode & 0o777 for path in (wide, narrow, of_a_pod)] == [0o640, 0o400, 0o666]


def test_a_profile_counts_as_enabled_only_with_its_options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "pwhistory").write_text(
        "Name: x\nPassword-Type: Primary\nPassword:\n\trequisite\tpam_pwhistory.so remember=24\n"
    )
    stack = "password requisite pam_pwhistory.so remember=5\n"
    monkeypatch.setattr(profiles, "PROFILES", str(tmp_path))
    real = profiles.read
    monkeypatch.setattr(
        profiles, "read", lambda path: stack if path.startswith("/etc/pam.d/") else real(path)
    )

    assert profiles.lines("pwhistory") == [("password", ["pam_pwhistory.so", "remember=24"])]
    assert not profiles.present("pwhistory")
    stack = "password requisite pam_pwhistory.so remember=24 use_authtok\n"
    assert profiles.present("pwhistory")


blocks = module("block_setting", "node_hardening")


def test_settings_share_one_block_that_goes_with_the_last_of_them():
    text = "Include x\nX11Forwarding yes\n"

    one = blocks.with_setting(text, "Banner /etc/issue.net", True, True, "")
    two = blocks.with_setting(one, "DenyUsers bin", True, True, "")
    assert two == "# BEGIN keelyard\nBanner /etc/issue.net\nDenyUsers bin\n# END keelyard\n" + text
    assert blocks.with_setting(two, "DenyUsers bin", True, True, "") == two
    other = blocks.with_setting(two, "AllowUsers ops", True, True, "", ["AllowUsers", "DenyUsers"])
    assert "AllowUsers ops" in other
    assert "DenyUsers" not in other
    assert blocks.with_setting(one, "Banner none", False, True, "") == text


def test_a_block_may_begin_with_a_section():
    ini = blocks.with_setting("[Journal]", "Compress=yes", True, False, "[Journal]")

    assert ini == "[Journal]\n# BEGIN keelyard\n[Journal]\nCompress=yes\n# END keelyard\n"
    assert blocks.with_setting(ini, "Compress=no", True, False, "[Journal]").count("[Journal]") == 2
    assert blocks.with_setting(ini, "Compress=yes", False, False, "[Journal]") == "[Journal]\n"


def test_the_rules_lock_after_all_others_are_read():
    written = [
        entry["path"] for task in tasks() for entry in task.get("managed_files", {}).get("files", [])
        if "/etc/audit/rules.d/" in entry["path"]
    ]  # fmt: skip

    assert max(written) == "/etc/audit/rules.d/zz-keelyard-immutable.rules"


@pytest.mark.parametrize("os_type", SYSTEMS)
def test_the_history_asks_nobody_again_when_the_quality_was_judged(os_type: str):
    on = ["linux-5.3.2.3", "linux-5.3.3.3.1", "linux-5.3.3.3.2", "linux-5.3.3.3.3"]
    line = "\trequisite\tpam_pwhistory.so remember=24 enforce_for_root try_first_pass use_authtok"

    assert line in render(
        "node_hardening", "pam-pwhistory.j2", node_hardening_on=on, node_hardening_os_type=os_type
    )
    alone = render(
        "node_hardening", "pam-pwhistory.j2", node_hardening_on=on[1:], node_hardening_os_type=os_type
    )
    assert "use_authtok" not in alone


@pytest.mark.parametrize(
    "role_file", ["containerd/templates/containerd.service.j2", "kube_packages/templates/kubelet.service.j2"]
)
def test_what_runs_pods_does_not_follow_the_mask_of_a_hardened_node(role_file: str):
    assert "\nUMask=0022\n" in (ROLE.parent / role_file).read_text()
