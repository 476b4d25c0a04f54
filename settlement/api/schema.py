"""What the public proof addresses answer, for the API's description. docs/proofs.md says what each figure is the hash of."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers as s

_HASH = r"^[0-9a-f]{64}$"


class ProofKey(s.Serializer[Any]):
    """A public key (Ed25519, 32 bytes in hexadecimal) and what it signs."""

    purpose = s.ChoiceField(["settlement_file", "tree_head"])
    key_id = s.RegexField(r"^[0-9a-f]{16}$", help_text="the beginning of the key's SHA-256")
    public_key = s.RegexField(_HASH)


class ProofKeys(s.Serializer[Any]):
    """Every key that proofs were signed with."""

    kind = s.ChoiceField(["keys"])
    keys = ProofKey(many=True)


class ProofEntry(s.Serializer[Any]):
    """What the log says of a date; its canonical JSON is a leaf of the log."""

    date = s.DateField()
    transfers = s.IntegerField(min_value=0)
    transfers_root = s.RegexField(_HASH)
    purses = s.IntegerField(min_value=0, help_text="purses with money")
    purses_root = s.RegexField(_HASH)
    liabilities_fen = s.IntegerField(min_value=0, help_text="the sum of the purses' tree")
    claims_fen = s.IntegerField(min_value=0, help_text="purses below zero, outside of the tree")


class ProofHeadContent(s.Serializer[Any]):
    """What is signed, as canonical JSON after `citizencard tree head 1` and a line feed."""

    size = s.IntegerField(min_value=1, help_text="dates in the log")
    entry = ProofEntry()
    log_root = s.RegexField(_HASH)
    previous = s.RegexField(r"^([0-9a-f]{64})?$", help_text="SHA-256 of the signed bytes before, or empty")
    at = s.DateTimeField()
    key_id = s.CharField()


class SignedProofHead(s.Serializer[Any]):
    """A head and its signature."""

    head = ProofHeadContent()
    signature = s.RegexField(r"^[0-9a-f]{128}$")


class ProofHeads(s.Serializer[Any]):
    """Heads in order, each of one date more."""

    kind = s.ChoiceField(["heads"])
    heads = SignedProofHead(many=True)


class ProofConsistency(s.Serializer[Any]):
    """Two heads, and the nodes that prove the log of the later to begin with that of the earlier."""

    kind = s.ChoiceField(["consistency"])
    old = SignedProofHead()
    new = SignedProofHead()
    proof = s.ListField(child=s.RegexField(_HASH))
