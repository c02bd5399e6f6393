import base64

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from engine.execution import redaction
from engine.execution.redaction import REDACTED, Redactor, bounded

PASSWORD = 'p4ss "word"\\ü'


@pytest.fixture(scope="module")
def pem() -> str:
    key = rsa.generate_private_key(65537, 2048)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    ).decode()


@pytest.mark.parametrize(
    "travelling",
    [
        PASSWORD,
        base64.b64encode(PASSWORD.encode()).decode(),
        base64.b64encode(f"{PASSWORD}\n".encode()).decode(),
        "p4ss%20%22word%22%5C%C3%BC",
        'p4ss \\"word\\"\\\\ü',
    ],
)
def test_a_password_is_found_in_the_forms_in_which_it_travels(travelling: str) -> None:
    assert Redactor([PASSWORD]).text(f"before {travelling} after").startswith(f"before {REDACTED}")


def test_a_key_is_found_whole_by_line_rewrapped_and_encoded(pem: str) -> None:
    redact = Redactor([pem]).text
    body = "".join(pem.splitlines()[1:-1])
    rewrapped = "\n".join(body[at : at + 100] for at in range(0, len(body), 100))
    encoded = base64.b64encode(pem.encode()).decode()
    for text in (pem, pem.replace("\n", "\\n"), pem.splitlines()[5], rewrapped, encoded, body):
        clean = redact(f"x {text} y")
        assert not any(body[at : at + 40] in clean for at in range(len(body) - 40))
        assert not any(encoded[at : at + 60] in clean for at in range(len(encoded) - 60))


def test_unknown_keys_and_join_tokens_are_hidden_too(pem: str) -> None:
    redact = Redactor([]).text
    assert "PRIVATE KEY" not in redact(f"output:\n{pem}")
    assert redact("client-key-data: LS0tLS1CRUdJTg==") == f"client-key-data: {REDACTED}"
    assert "0123456789abcdef" not in redact("kubeadm join --token abcdef.0123456789abcdef")


def test_colours_go_and_what_no_text_can_hold_is_shown() -> None:
    assert Redactor([]).text("\x1b[31mred\x1b[0m\x00 \udcff ok\n") == "red␀ \\xff ok\n"


def test_values_are_redacted_at_any_depth_keys_too() -> None:
    value = {"s3cret": ["s3cret", {"x": ("s3cret", 1, None, True)}]}
    assert Redactor(["s3cret"]).value(value) == {REDACTED: [REDACTED, {"x": [REDACTED, 1, None, True]}]}


def test_large_results_are_cut_and_keep_the_end_of_what_was_said() -> None:
    cut = redaction.capped({"msg": "m", "stdout": "x" * 100_000 + "end", "lines": ["y"] * 100_000, "rc": 3})
    assert cut["truncated"] is True
    assert cut["rc"] == 3
    assert cut["stdout"].endswith("end")
    assert len(str(cut)) < redaction.RESULT_LIMIT


def test_a_secret_broken_up_by_control_characters_does_not_get_through() -> None:
    sixteen = "hunter2-hunter2".encode("utf-16-le").decode("latin-1")

    assert Redactor(["hunter2-hunter2"]).text(f"says {sixteen}!") == f"says {REDACTED}!"


def test_of_a_huge_result_the_end_is_kept_and_the_rest_is_counted() -> None:
    line = "x" * 10_000_000 + " hunter2-hunter2 the end"
    result = bounded({"stdout": line, "stdout_lines": [line], "rc": 0}, Redactor(["hunter2-hunter2"]))

    assert result["truncated"] is True
    assert result["left_out"] == ["stdout_lines"]
    assert result["rc"] == 0
    assert result["stdout"].endswith(f"x {REDACTED} the end")
    assert result["stdout"].startswith("[… 9,9")
    assert len(result["stdout"]) < 20_000
