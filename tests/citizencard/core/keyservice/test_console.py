"""The whole ceremony as people do it: a real service, the console program, typed lines; and what is left behind."""

from __future__ import annotations

import io
import json
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from datetime import date, timedelta
from pathlib import Path

import pytest

from citizencard.core.errors import KeyServiceUnavailable
from citizencard.core.keyservice import console
from citizencard.core.keyservice.client import KeyServiceClient
from citizencard.core.keyservice.demonstration import PASSPHRASE
from citizencard.core.keyservice.errors import KeyServiceError
from citizencard.core.keyservice.keyblock import UnwrappedKey, wrap
from citizencard.core.keyservice.keystore import Algorithm, Master, Usage
from citizencard.core.keyservice.roles import Role
from citizencard.core.problems import problem_of
from tests.citizencard.core.keyservice.office import NAMES, kcv, passphrase, xor
from tests.citizencard.core.keyservice.tokens import MISSING, MODULE, PIN, softhsm
from tests.fixtures_core import DEMO_KEYS, PROJECT, KeyServiceProcess

KEY = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
QUICK = "tests.citizencard.core.keyservice.quick_service"


class People:
    """Custodians at the console of one service."""

    def __init__(self, folder: Path, *words: str, module: str = QUICK) -> None:
        self.state = folder / "state"
        words = "--state", str(self.state), *words
        self.service = KeyServiceProcess(folder / "keys.sock", *words, module=module)
        self.shares: dict[str, str] = {}

    def console(self, *words: str, typed: list[str] | None = None, refused: bool = False) -> str:
        """What the program prints, or says when it refuses. In this process, which saves its start."""
        told, said = io.StringIO(), io.StringIO()
        lines = io.StringIO("".join(f"{line}\n" for line in typed or []))
        with redirect_stdout(told), redirect_stderr(said), pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "stdin", lines)
            code = console.main(["--socket", str(self.service.socket_path), *words])
        assert code == int(refused), told.getvalue() + said.getvalue()
        return said.getvalue() if refused else told.getvalue()

    def program(self, *words: str, typed: list[str]) -> str:
        """The same as a program of its own."""
        command = [sys.executable, "-m", "citizencard.core.keyservice.console"]
        command += ["--socket", str(self.service.socket_path), *words]
        text = "".join(f"{line}\n" for line in typed)
        done = subprocess.run(
            command, cwd=PROJECT, input=text, capture_output=True, text=True, timeout=60, check=True
        )
        return done.stdout

    def begin(self, *words: str, first: tuple[str, ...] = ()) -> None:
        typed = [passphrase(name) for name in NAMES for _ in range(2)]
        told = self.console(
            "init", *NAMES, "--issuer-factor", "C1D9D6DDC1D9D6DD", *words, typed=[*typed, *first, *[""] * 6]
        )
        found = re.findall(r"share (\d): ([0-9A-F ]{79})  check value ([0-9A-F]{6})", told)
        assert [number for number, _, _ in found] == ["1", "2", "3"]
        self.shares = {name: share for name, (_, share, _) in zip(NAMES, found, strict=True)}

    def open(self, *names: str) -> list[str]:
        return [self.console("open", typed=[name, passphrase(name), self.shares[name]]) for name in names]

    def enter(self, usage: str, version: int, key: bytes, *words: str) -> str:
        algorithm = Algorithm.AES if usage == "KEK" else Algorithm.DES3
        parts = [secrets.token_bytes(len(key)) for _ in range(2)]
        parts.append(xor(key, *parts))
        typed = [
            line
            for name, part in zip(NAMES, parts, strict=True)
            for line in (name, passphrase(name), part.hex(), kcv(algorithm, part))
        ]
        return self.console("enter", usage, str(version), *words, typed=[*typed, *[kcv(algorithm, key)] * 3])

    def four_eyes(self, *words: str) -> str:
        told = self.console("propose", *words, typed=["zhang", passphrase("zhang")])
        number = re.findall(r"\d+", told)[0]
        return self.console("confirm", number, typed=["li", passphrase("li")])

    def client(self, role: Role = Role.COUNTER) -> KeyServiceClient:
        return KeyServiceClient(self.service.socket_path, role=role)


@pytest.fixture
def real_people(folder: Path) -> Iterator[People]:
    people = People(folder, module="citizencard.core.keyservice")
    people.service.start()
    yield people
    people.service.kill()


@pytest.fixture
def people(folder: Path) -> Iterator[People]:
    people = People(folder)
    people.service.start()
    yield people
    people.service.kill()


def test_from_an_empty_directory_to_a_working_key_and_through_a_restart(real_people: People) -> None:
    people = real_people
    client = people.client()
    assert client.status().state == "sealed"
    people.begin()
    assert client.status().state == "open"
    assert "version 3 is in the register" in people.enter("TAC", 3, KEY)
    assert [(key.usage, key.version, key.kcv) for key in client.status().keys] == [("TAC", 3, "08D7B4")]
    assert people.four_eyes("activate", "TAC/3") == "done\n"
    people.four_eyes("generate", "PII_DEK/1")
    people.four_eyes("activate", "PII_DEK/1")
    sealed = client.seal_fields([("t|c|1", "张明")])

    people.service.stop()
    people.service.start()
    assert client.status().state == "sealed"
    with pytest.raises(KeyServiceUnavailable) as caught:
        client.open_fields([("t|c|1", sealed[0])])
    assert (problem_of(caught.value)["status"], caught.value.data["reason"]) == (503, "sealed")
    assert people.open("wang") == ["taken; another custodian's share is needed\n"]
    assert "this one is here" in people.console(
        "open", typed=["wang", passphrase("wang"), people.shares["wang"]], refused=True
    )
    assert people.open("zhang") == ["the key service is open\n"]
    assert client.open_fields([("t|c|1", sealed[0])]) == ["张明"]

    listed = people.console("list")
    assert "TAC/3" in listed
    assert "active since" in listed
    assert people.program("disable", "PII_DEK/1", typed=["wang", passphrase("wang")]) == "disabled\n"
    with pytest.raises(KeyServiceError) as refused:
        client.open_fields([("t|c|1", sealed[0])])
    assert refused.value.refusal == "key_not_permitted"
    assert re.fullmatch(
        r"the audit log holds: \d+ lines, head [0-9a-f]{64}\n", people.console("audit", str(people.state))
    )
    assert_nothing_was_left_behind(people)


def assert_nothing_was_left_behind(people: People) -> None:
    texts = [path.read_text() for path in people.state.iterdir()]
    texts.append(people.service.log_path.read_text())
    written = "".join(texts).upper().replace(" ", "")
    told = [*(share.replace(" ", "") for share in people.shares.values()), KEY.hex().upper()]
    told += [passphrase(name).upper().replace(" ", "") for name in NAMES]
    assert not [secret for secret in told if secret in written]
    assert all(path.stat().st_mode & 0o077 == 0 for path in (people.state, *people.state.iterdir()))
    trail = [json.loads(line) for line in (people.state / "audit.jsonl").read_text().splitlines()]
    assert {"UNSEAL", "ENTER_COMPONENT", "CONFIRM", "DISABLE", "SEAL"} <= {
        line["operation"] for line in trail
    }
    assert [line["outcome"] for line in trail if line["operation"] == "UNSEAL"] == [
        "ok",
        "ceremony_invalid",
        "ok",
    ]


def test_a_key_block_comes_in_and_goes_out(people: People) -> None:
    people.begin()
    kek = secrets.token_bytes(32)
    people.enter("KEK", 1, kek)
    people.four_eyes("activate", "KEK/1")
    block = wrap(kek, UnwrappedKey((Usage.TRANSPORT, 1), Master(Algorithm.DES3, KEY), True))
    told = people.console("import", "TRANSPORT", "1", "--kek", "1", typed=["li", passphrase("li"), block])
    assert "check value 08D7B4" in told
    refused = people.console(
        "import", "LOAD", "1", "--kek", "1", typed=["li", passphrase("li"), block], refused=True
    )
    assert "usage" in refused
    out = people.four_eyes("export", "TRANSPORT/1", "--kek", "1").strip()
    assert out.startswith("D0112E5TX01N")


def test_slips_at_the_console_are_told_and_change_nothing(people: People) -> None:
    assert "differ" in people.console(
        "init", "a", "b", "c", "--issuer-factor", "00" * 8, typed=["x", "y"], refused=True
    )
    assert "16 hexadecimal digits" in people.console(
        "init", "a", "b", "c", "--issuer-factor", "00", typed=[passphrase("a")] * 6, refused=True
    )
    people.begin()
    assert "already" in people.console(
        "init", "a", "b", "c", "--issuer-factor", "00" * 8, typed=[passphrase("a")] * 6, refused=True
    )
    people.console("seal", typed=["li", passphrase("li")])
    assert people.client().status().state == "sealed"
    assert "not hexadecimal" in people.console("open", typed=["li", passphrase("li"), "share"], refused=True)
    assert "check value" in people.console("open", typed=["li", passphrase("li"), "00" * 32], refused=True)
    assert "sealed" in people.console(
        "propose", "generate", "SIGN/1", typed=["li", passphrase("li")], refused=True
    )
    people.service.kill()
    assert "does not answer" in people.console("list", refused=True)


def test_a_mistyped_component_is_typed_again(people: People) -> None:
    people.begin()
    parts = [bytes(range(16)), bytes(range(16, 32))]
    parts.append(xor(KEY, *parts))
    right = [
        [name, passphrase(name), part.hex(), kcv(Algorithm.DES3, part)]
        for name, part in zip(NAMES, parts, strict=True)
    ]
    wrong = [*right[1][:2], (b"\x80" + parts[1][1:]).hex(), right[1][3]]
    typed = [*right[0], *wrong, *right[1], *right[2], *["08D7B4"] * 3]
    told = people.console("enter", "LOAD", "1", typed=typed)
    assert "type it again" in told
    assert people.client().status().keys[0].kcv == "08D7B4"


def test_the_demonstration_has_custody_too(folder: Path) -> None:
    people = People(folder, "--demo-keys", str(DEMO_KEYS))
    people.service.start()
    try:
        client = people.client()
        sealed = client.seal_fields([("t|c|1", "x")])
        newest = max(key.version for key in client.status().keys if key.usage == Usage.PII_DEK)
        people.console("disable", f"PII_DEK/{newest}", typed=["demo-1", PASSPHRASE])
        with pytest.raises(KeyServiceError):
            client.open_fields([("t|c|1", sealed[0])])
        cut_off = (date.today() + timedelta(days=30)).isoformat()  # noqa: DTZ011 -- any day to come
        told = people.console(
            "propose", "retire", "TAC/1", "LOAD/1", "--cut-off", cut_off, typed=["demo-1", PASSPHRASE]
        )
        people.console("confirm", re.findall(r"\d+", told)[0], typed=["demo-2", PASSPHRASE])
        people.service.stop()
        people.service.start()
        listed = people.console("list")
        assert re.search(rf"PII_DEK/{newest} .* disabled", listed)
        assert re.search(rf"TAC/1 .* retiring since .*, serves until {cut_off}", listed)
    finally:
        people.service.kill()


@pytest.mark.skipif(not MODULE.exists(), reason=MISSING)
def test_the_masters_may_lie_in_a_token(folder: Path) -> None:
    with softhsm(folder, "city"):
        people = People(folder, "--pkcs11", str(MODULE), "--token", "city")
        people.service.start()
        try:
            people.begin("--token", first=(PIN,))
            people.enter("TAC", 3, KEY)
            people.four_eyes("activate", "TAC/3")
            people.four_eyes("generate", "PII_DEK/1")
            people.four_eyes("activate", "PII_DEK/1")
            client = people.client()
            sealed = client.seal_fields([("t|c|1", "张明")])
            people.service.stop()
            people.service.start()
            people.open("li", "wang")
            assert client.open_fields([("t|c|1", sealed[0])]) == ["张明"]
            assert {key.kcv for key in client.status().keys} >= {"08D7B4"}
            register = json.loads((people.state / "register.json").read_text())
            assert [key["block"] for key in register["keys"]] == [None, None]
            assert PIN not in json.dumps(register)
            people.console("disable", "TAC/3", typed=["wang", passphrase("wang")])
            people.four_eyes("destroy", "TAC/3")
            assert [key.usage for key in client.status().keys] == ["PII_DEK"]
        finally:
            people.service.kill()


@pytest.mark.parametrize("words", [["--token", "x"], ["--pkcs11", "x"], ["--pkcs11", "x", "--token", "y"]])
def test_options_that_do_not_go_together(folder: Path, words: list[str]) -> None:
    command = [sys.executable, "-m", "citizencard.core.keyservice", "--socket", str(folder / "s"), *words]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 2
    assert "usage:" in done.stderr


def test_a_state_directory_others_may_enter_is_refused(folder: Path) -> None:
    state = folder / "state"
    state.mkdir()
    state.chmod(0o755)
    command = [sys.executable, "-m", "citizencard.core.keyservice", "--socket", str(folder / "s")]
    done = subprocess.run(
        [*command, "--state", str(state)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert done.returncode == 2
    assert "0700" in done.stderr
