"""Salts of proof trees: a function of the leaf and its tree, in any number, that nobody else can work out."""

from __future__ import annotations

import struct

import pytest

from citizencard.core.keyservice.client import KeyServiceClient
from citizencard.core.keyservice.errors import KeyServiceError
from citizencard.core.keyservice.protocol import Opcode, pack_strings, to_json
from citizencard.core.keyservice.roles import Role


@pytest.fixture
def worker(key_service: KeyServiceClient) -> KeyServiceClient:
    return KeyServiceClient(key_service._channel._path, role=Role.WORKER)


def test_a_salt_depends_on_leaf_and_tree_alone(worker: KeyServiceClient) -> None:
    ids = struct.pack(">200000q", *range(200_000))  # more than one call carries
    salts = worker.proof_salts("transfers 2026-03-02", ids, key_version=1)
    each = {salts[at : at + 16] for at in range(0, len(salts), 16)}
    assert len(each) == 200_000
    assert worker.proof_salts("transfers 2026-03-02", ids[80:88], key_version=1) == salts[160:176]
    assert worker.proof_salts("transfers 2026-03-03", ids[80:88], key_version=1) not in each
    assert worker.proof_key_version() == 1


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        pack_strings([to_json({"tree": "t", "key_version": 1}), bytes(7)]),
        pack_strings([to_json({"tree": "", "key_version": 1}), bytes(8)]),
        pack_strings([to_json({"tree": "t", "key_version": 1}), bytes(8), b"x"]),
    ],
)
def test_what_is_no_request_is_refused(worker: KeyServiceClient, payload: bytes) -> None:
    with pytest.raises(KeyServiceError) as caught:
        worker._channel.call(Opcode.PROOF_SALTS, payload)
    assert caught.value.refusal == "bad_request"


def test_a_version_that_is_not_held_salts_nothing(worker: KeyServiceClient) -> None:
    with pytest.raises(KeyServiceError) as caught:
        worker.proof_salts("t", bytes(8), key_version=9)
    assert caught.value.refusal == "unknown_key"
