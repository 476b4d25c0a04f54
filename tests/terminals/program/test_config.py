"""The configuration: whatever is wrong is told by field and rule, and nothing on the way needs Django."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from terminals.program.channels import CHANNELS
from terminals.program.cli import EXAMPLE, main, modes
from terminals.program.config import read_key, read_settings
from terminals.program.errors import ConfigError

ROOT = Path(__file__).parents[3]
WITHOUT_DJANGO = """
import runpy, sys
sys.argv = ["terminal", "--config", {file!r}, "--check"]
try:
    runpy.run_module("terminals.program", run_name="__main__")
except SystemExit as ended:
    assert not ended.code, ended.code
loaded = {{name.partition(".")[0] for name in sys.modules}}
assert "terminals" in loaded
print(sorted(loaded & {{"django", "rest_framework", "celery", "psycopg", "citizencard", "accounts", "settlement"}}))
"""


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str, str], Path]:
    def write(old: str = "", new: str = "") -> Path:
        assert old in EXAMPLE
        file = tmp_path / "terminal.toml"
        file.write_text(EXAMPLE.replace(old, new) if old else EXAMPLE)
        return file

    return write


def test_the_example_is_right_and_folders_count_from_the_file(
    written: Callable[..., Path], tmp_path: Path
) -> None:
    settings = read_settings(written())
    assert (settings.code, settings.post.channel, settings.post.line) == ("bus-k1-001", "bus", "K1")
    assert (settings.state, settings.key_file) == (tmp_path / "state", tmp_path / "key.pem")
    assert settings.centre_key[:4].hex() == "d75a9801"
    assert (settings.sam_reader, settings.online) == ("00 01", False)


def test_marks_may_stand_in_the_configuration(written: Callable[..., Path]) -> None:
    more = "[marks]\nreal_name = [2]\n[marks.categories]\n2 = 'student'\n[marks.lines.00000001]\nline = 'K1'\ntariff = 'bus'\n"
    marks = read_settings(written("[state]", f"{more}[state]")).post.marks
    assert (marks.categories, marks.real_name, marks.lines) == (
        {2: "student"}, frozenset({2}), {"00000001": ("K1", "bus")},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "field", "rule"),
    [
        ('mode = "bus"', 'mode = "tram"', "terminal.mode", "'tram' is none of bus, metro"),
        ('mode = "bus"\n', "", "terminal.mode", "is missing"),
        ('code = "bus-k1-001"', "code = 7", "terminal.code", "7 is not a code"),
        ('code = "bus-k1-001"', 'code = "b"\nspeed = 3', "terminal.speed", "is unknown"),
        ('line_no = "00000001"', 'line_no = "1"', "terminal.line_no", "is not 8 digits in quotes"),
        ('line_no = "00000001"', 'role = "door"', "terminal.role", "'door' is none of entry, exit, both"),
        ('url = "http://127.0.0.1:8000"', 'url = "127.0.0.1"', "centre.url", "does not begin with http"),
        ("d75a9801", "d75a", "centre.centre_key", "is not 64 hexadecimal"),
        ("centre_key", "centre_kex", "centre.centre_key", "is missing"),
        ('[sam]\nreader = "00 01"', '[sam]\nreader = "a"\nfolder = "b"', "sam.reader", "give either reader or folder"),
        ('[sam]\nreader = "00 01"', "[sam]", "sam.reader", "give either reader or folder"),
        ('[card]\nreader = "00 00"\n', "", "card", "is missing"),
        ("[state]", "[every]\nlists = 0\n[state]", "every.lists", "0 is not a number of seconds from 1"),
        ("[state]", "[stat]", "state", "is missing"),
        ("[state]", "[marks.categories]\n300 = 'student'\n[state]", "marks.categories.300", "a card kind is a number"),
        ("[terminal]", "[terminal", "terminal.toml", "is not TOML"),
    ],
)  # fmt: skip
def test_a_fault_names_field_and_rule(
    written: Callable[..., Path],
    old: str,
    new: str,
    field: str,
    rule: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = written(old, new)
    with pytest.raises(ConfigError) as caught:
        read_settings(file)
    assert caught.value.field.endswith(field)
    assert caught.value.rule.startswith(rule)
    assert main(["--config", str(file), "--check"]) == 1
    assert capsys.readouterr().err.startswith("terminal: ")


def test_a_key_that_is_none_is_told(tmp_path: Path) -> None:
    other = generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for content, rule in ((None, "cannot be read"), (b"x", "PEM form"), (other, "is not an Ed25519 key")):
        file = tmp_path / "key.pem"
        if content is not None:
            file.write_bytes(content)
        with pytest.raises(ConfigError, match=rule):
            read_key(file)
    key = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(key)
    assert isinstance(read_key(file), Ed25519PrivateKey)


def test_the_program_runs_without_django(written: Callable[..., Path]) -> None:
    code = WITHOUT_DJANGO.format(file=str(written()))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DJANGO")}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, env=environment, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")


def test_all_modes_are_listed() -> None:
    assert all(f"\n  {channel} " in modes() for channel in CHANNELS)
