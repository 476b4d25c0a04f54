"""A card that is nothing but a recorded dump: it answers what somebody's reader once asked, and refuses the rest."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

DUMPS: dict[str, dict[str, Any]] = json.loads(Path(__file__).with_name("dumps.json").read_text("utf-8"))


class ReplayCard:
    """Answers in hex, data and status word, by command in hex; `refusal` to all others.

    A `tolerant` card looks at header and data only: any Le will do, and none.
    """

    ATR = bytes.fromhex("3B8080010100")

    def __init__(self, answers: Mapping[str, str], *, refusal: str = "6A82", tolerant: bool = False) -> None:
        self._tolerant = tolerant
        self._answers = {self._key(bytes.fromhex(apdu)): answer for apdu, answer in answers.items()}
        self._refusal = refusal
        self.asked: list[str] = []

    def transmit(self, apdu: bytes) -> bytes:
        self.asked.append(apdu.hex().upper())
        return bytes.fromhex(self._answers.get(self._key(apdu), self._refusal))

    def reset(self) -> bytes:
        return self.ATR

    def _key(self, apdu: bytes) -> bytes:
        if not self._tolerant:
            return apdu
        has_data = len(apdu) > 5
        return apdu[: 5 + apdu[4]] if has_data else apdu[:4]


def dump(name: str, **how: Any) -> ReplayCard:
    """The card of a dump."""
    return ReplayCard(DUMPS[name]["answers"], **how)
