"""Calls about the salts of proof trees."""

from __future__ import annotations

from typing import Final

from citizencard.core.keyservice.calls.base import BULK_BYTES, Calls
from citizencard.core.keyservice.proofs import ID_BYTES
from citizencard.core.keyservice.protocol import Opcode, pack_strings, to_json

_CHUNK: Final = BULK_BYTES // ID_BYTES * ID_BYTES


class ProofCalls(Calls):
    """A tree is named by its kind and its date."""

    def proof_key_version(self) -> int:
        """The version that new trees are salted with."""
        return self._salts("none", b"", 0)[0]

    def proof_salts(self, tree: str, ids: bytes, *, key_version: int) -> bytes:
        """16 bytes for each leaf's id (8 bytes, big-endian), in their order."""
        pieces = (ids[at : at + _CHUNK] for at in range(0, len(ids), _CHUNK))
        return b"".join(self._salts(tree, piece, key_version)[1:] for piece in pieces)

    def _salts(self, tree: str, ids: bytes, key_version: int) -> bytes:
        head = to_json({"tree": tree, "key_version": key_version})
        return self._channel.call(Opcode.PROOF_SALTS, pack_strings([head, ids]))
