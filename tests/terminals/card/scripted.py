"""A transport that plays a recorded conversation and fails on anything else."""

from __future__ import annotations


class ScriptedTransport:
    """Pairs of command and answer (data and status word) in hex, in order."""

    def __init__(self, *exchanges: tuple[str, str]) -> None:
        self._exchanges = list(exchanges)

    def transmit(self, apdu: bytes) -> tuple[bytes, int]:
        expected, answer = self._exchanges.pop(0)
        assert apdu.hex().upper() == expected.upper()
        raw = bytes.fromhex(answer)
        return raw[:-2], int.from_bytes(raw[-2:])

    def reset(self) -> bytes:
        return b"\x3b\x00"

    def close(self) -> None:
        self._exchanges.clear()

    def assert_finished(self) -> None:
        assert self._exchanges == []
