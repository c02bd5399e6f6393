from pathlib import Path

import msgspec
import pytest
import yaml

from engine import content
from engine.domain.errors import InvalidSpec, NotFound
from engine.domain.specs import AuthMethod
from engine.execution import known_nodes, spec_file
from engine.execution.artifacts import ArtifactsChoice

BODY = {
    "name": "yard",
    "topology": {"ha": False, "control_plane_count": 1, "worker_count": 1},
    "components": {
        "kubernetes_version": "1.36.4",
        "cni": "flannel",
        "ingress": "none",
        "runtime": "containerd",
    },
    "nodes": [
        {"name": "cp", "role": "control-plane", "ip_address": "198.51.100.1", "os_type": "debian12"},
        {"name": "w1", "role": "worker", "ip_address": "198.51.100.2", "os_type": "rocky9", "ssh_port": 2222},
    ],
    "ssh_config": {"username": "root", "auth_method": "password", "password": "from the file"},
}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KEELYARD_HOME", str(tmp_path / "home"))
    return content.home()


def written(tmp_path: Path, **changes: object) -> Path:
    path = tmp_path / "spec.yml"
    path.write_text(yaml.safe_dump(BODY | changes))
    return path


def test_the_body_of_the_request_is_a_spec_file(tmp_path: Path) -> None:
    file = spec_file.load(written(tmp_path))
    spec = file.spec()
    assert [node.ssh_port for node in spec.nodes] == [22, 2222]
    assert file.artifacts is ArtifactsChoice.AUTO
    spec_file.check(spec, spec_file.secrets(file))


def test_hardening_is_asked_for_as_in_the_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    catalogue = tmp_path / "roles" / "hardening" / "catalogue"
    catalogue.mkdir(parents=True)
    (catalogue / "1.yml").write_text("linux-1.1.1.1: {title: One}")
    monkeypatch.setenv("KEELYARD_CONTENT", str(tmp_path))
    exceptions = [{"id": "linux-1.1.1.1", "reason": "Agreed."}]
    asked = {"enable_cis_linux_benchmark": True, "level": 1, "exceptions": exceptions}

    file = spec_file.load(written(tmp_path, hardening=asked))
    spec_file.check(file.spec(), spec_file.secrets(file))

    assert msgspec.json.decode(msgspec.json.encode(file.spec().hardening)) == asked | {
        "enable_cis_k8s_benchmark": False,
        "default_deny_network_policies": False,
    }


@pytest.mark.parametrize(
    ("hardening", "field"),
    [
        ({"levels": 1}, "hardening"),
        ({"exceptions": [{"id": "linux-1.1.1.1"}]}, "hardening.exceptions[0]"),
        ({"exceptions": [{"id": "x", "reason": "x", "until": "x"}]}, "hardening.exceptions[0]"),
        ({"level": 3}, "hardening.level"),
        ({"exceptions": [{"id": "linux-0", "reason": "x"}]}, "hardening.exceptions.0.id"),
        ({"default_deny_network_policies": True}, "hardening.default_deny_network_policies"),
    ],
)
def test_hardening_that_does_not_fit_is_refused_by_name(
    tmp_path: Path, hardening: object, field: str
) -> None:
    path = written(tmp_path, hardening=hardening)

    with pytest.raises(InvalidSpec) as caught:
        _checked(path)

    assert [problem.field for problem in caught.value.problems] == [field]


def _checked(path: Path) -> None:
    file = spec_file.load(path)
    spec_file.check(file.spec(), spec_file.secrets(file))


def test_the_same_name_is_the_same_cluster_in_every_run(tmp_path: Path) -> None:
    first, again = (spec_file.load(written(tmp_path)).spec().id for _ in range(2))
    assert first == again
    assert spec_file.load(written(tmp_path, name="other")).spec().id != first


def test_what_the_command_line_gives_wins(tmp_path: Path) -> None:
    file = spec_file.load(written(tmp_path))
    assert spec_file.secrets(file, password="typed").password == "typed"
    assert spec_file.secrets(file, private_key="KEY").auth_method is AuthMethod.PRIVATE_KEY
    assert spec_file.secrets(file).password == "from the file"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"topology": {"ha": "yes", "control_plane_count": 1, "worker_count": 1}}, "topology.ha"),
        ({"nodes": "none"}, "nodes"),
        ({"artifacts": "somewhere"}, "artifacts"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_a_field_that_does_not_fit_is_named(tmp_path: Path, change: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidSpec, match=field.replace(".", r"\.")):
        spec_file.load(written(tmp_path, **change))


def test_a_rule_that_is_broken_names_its_field(tmp_path: Path) -> None:
    file = spec_file.load(written(tmp_path, name="{{ 7*7 }}"))
    with pytest.raises(InvalidSpec, match="name"):
        spec_file.check(file.spec(), spec_file.secrets(file))


def test_a_missing_or_unreadable_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="nothing"):
        spec_file.load(tmp_path / "nothing.yml")
    (tmp_path / "bad.yml").write_text("a: [")
    with pytest.raises(InvalidSpec, match="not YAML"):
        spec_file.load(tmp_path / "bad.yml")


def test_nodes_are_remembered_between_runs_until_a_key_is_forgotten(tmp_path: Path) -> None:
    spec = spec_file.load(written(tmp_path)).spec()
    known_nodes.remember(spec.id, {"cp": ("ssh-ed25519 AAAA",)}, {"cp": "id-1"})
    known_nodes.remember(spec.id, {}, {"w1": "id-2"})
    complete = known_nodes.complete(spec, known_nodes.load(spec.id))
    assert [(node.host_keys, node.machine_id) for node in complete.nodes] == [
        (("ssh-ed25519 AAAA",), "id-1"),
        ((), "id-2"),
    ]
    known_nodes.forget_host_key(spec.id, "cp")
    assert known_nodes.load(spec.id)["cp"].host_keys == ()
    assert known_nodes.path_of(spec.id).stat().st_mode & 0o777 == 0o600
