"""What fuzzing has found, each once more as a plain test."""

from __future__ import annotations

import pytest

from citizencard.core.keyservice.protocol import Opcode
from citizencard.core.keyservice.roles import OPERATIONS


@pytest.mark.parametrize(
    "opcode", [Opcode.SEAL, Opcode.OPEN, Opcode.BLIND_INDEX, Opcode.VERIFY_PURCHASE_TACS]
)
def test_an_empty_bulk_request_gives_no_quota_back(opcode: Opcode) -> None:
    assert OPERATIONS[opcode].count(b"") == 0
