"""What fuzzing has found, each once more as a plain test."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from citizencard.core.keyservice.fields import Fields
from citizencard.core.keyservice.protocol import Opcode
from citizencard.core.keyservice.refusal import Refusal
from citizencard.core.keyservice.register import RegisterFile
from citizencard.core.keyservice.roles import OPERATIONS

NESTED: Final = b"[" * 2_000 + b"]" * 2_000


@pytest.mark.parametrize(
    "opcode", [Opcode.SEAL, Opcode.OPEN, Opcode.BLIND_INDEX, Opcode.VERIFY_PURCHASE_TACS]
)
def test_an_empty_bulk_request_gives_no_quota_back(opcode: Opcode) -> None:
    assert OPERATIONS[opcode].count(b"") == 0


def test_json_too_deep_for_the_parser_is_a_typed_refusal(tmp_path: Path) -> None:
    """The parser answers it with RecursionError, which is no ValueError."""
    for read in (lambda: Fields(NESTED), lambda: _register(tmp_path, NESTED).read(None)):
        with pytest.raises(Refusal):
            read()


def test_half_a_surrogate_pair_is_no_text() -> None:
    """JSON can spell it, but no encoding can write it: it came back as an internal error instead of a refusal."""
    fields = Fields(
        b'{"text": "\\ud800", "texts": ["a", "\\udfff"], "value": {"a": "\\ud800"}, "key": {"\\ud800": "a"}}'
    )
    for read in (
        lambda: fields.text("text", 20),
        lambda: fields.texts("texts", 2, 20),
        lambda: fields.mapping("value", 20, 20),
        lambda: fields.mapping("key", 20, 20),
    ):
        with pytest.raises(Refusal, match="missing or out of bounds"):
            read()
    assert Fields('{"text": "张明\U00020000"}'.encode()).text("text", 20) == "张明\U00020000"


def _register(folder: Path, content: bytes) -> RegisterFile:
    (folder / "register.json").write_bytes(content)
    return RegisterFile(folder)
