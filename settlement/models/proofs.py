"""What was promised about a date's transfers and purses: signed heads of the log of dates, and the upper part of each tree."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC
from typing import Any, Final

from django.db import models
from django.utils.translation import gettext_lazy as _

HEAD_FORM: Final = b"citizencard tree head 1\n"
"""What a signed head begins with."""


def canonical(content: dict[str, Any]) -> bytes:
    """JSON with sorted names, no blanks, ASCII only: the same content is the same bytes."""
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()


class ProofHead(models.Model):
    """The signed head after a business date: the roots of the date's two trees, and of the log of all dates up to it.

    `size` is how many dates the log has. `digest` is the SHA-256 of what is signed, which names the digest before: heads are a
    chain without forks. `liabilities_fen` is the sum of the purses' tree, `claims_fen` what is below zero and outside of it.
    Append-only by trigger.
    """

    size = models.PositiveBigIntegerField(_("dates in the log"), primary_key=True)
    previous = models.OneToOneField(
        "self", models.PROTECT, null=True, related_name="next", verbose_name=_("head before")
    )
    business_date = models.DateField(_("business date"), unique=True)
    transfers = models.PositiveBigIntegerField(_("transfers"))
    transfers_root = models.BinaryField(_("root of the transfers"), max_length=32)
    purses = models.PositiveBigIntegerField(_("purses with money"))
    purses_root = models.BinaryField(_("root of the purses"), max_length=32)
    liabilities_fen = models.BigIntegerField(_("owed to purses (fen)"))
    claims_fen = models.BigIntegerField(_("purses below zero (fen)"))
    log_root = models.BinaryField(_("root of the log"), max_length=32)
    made_at = models.DateTimeField(_("made at"))
    salt_version = models.PositiveSmallIntegerField(_("version of the salts' key"))
    seed = models.PositiveSmallIntegerField(_("version of the seed"))
    public_key = models.BinaryField(_("public key"), max_length=32)
    digest = models.BinaryField(_("SHA-256"), max_length=32, unique=True)
    signature = models.BinaryField(_("signature"), max_length=64)

    class Meta:
        verbose_name = _("signed head")
        verbose_name_plural = _("signed heads")
        default_permissions = ("view",)
        constraints = [
            models.CheckConstraint(
                condition=models.Q(size=1, previous=None)
                | models.Q(size=models.F("previous") + 1, previous__isnull=False),
                name="proof_head_follows_the_one_before",
            ),
            models.CheckConstraint(
                condition=models.Q(liabilities_fen__gte=0, claims_fen__gte=0),
                name="proof_head_sums_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.size} {self.business_date}"

    @property
    def entry(self) -> dict[str, Any]:
        """What the log says of the date: one leaf of it, in canonical form."""
        return {
            "date": self.business_date.isoformat(),
            "transfers": self.transfers,
            "transfers_root": bytes(self.transfers_root).hex(),
            "purses": self.purses,
            "purses_root": bytes(self.purses_root).hex(),
            "liabilities_fen": self.liabilities_fen,
            "claims_fen": self.claims_fen,
        }

    @property
    def content(self) -> dict[str, Any]:
        """The head as it is published."""
        return {
            "size": self.size,
            "entry": self.entry,
            "log_root": bytes(self.log_root).hex(),
            "previous": bytes(self.previous.digest).hex() if self.previous else "",
            "at": self.made_at.astimezone(UTC).isoformat(timespec="microseconds"),
            "key_id": key_id(bytes(self.public_key)),
        }

    @property
    def statement(self) -> bytes:
        """The bytes that are signed."""
        return HEAD_FORM + canonical(self.content)


def key_id(public_key: bytes) -> str:
    """What a public key is called: the beginning of its SHA-256."""
    return hashlib.sha256(public_key).hexdigest()[:16]


class TransferBlock(models.Model):
    """The node over up to 1,024 consecutive transfers of a date, by their ids; those below it are hashed again when asked for.

    Append-only by trigger.
    """

    head = models.ForeignKey(
        ProofHead, models.PROTECT, related_name="transfer_blocks", verbose_name=_("signed head")
    )
    first_id = models.BigIntegerField(_("first transfer"))
    node = models.BinaryField(max_length=32)

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["head", "first_id"], name="transfer_block_once")]

    def __str__(self) -> str:
        return f"{self.head_id} {self.first_id}"


class PurseBlock(models.Model):
    """The node over up to 1,024 purses of a date, and these: account and balance (fen), 8 bytes each.

    Purses stand in the order of their salts, another one every date: who is next to whom tells nothing. Append-only by trigger.
    """

    head = models.ForeignKey(
        ProofHead, models.PROTECT, related_name="purse_blocks", verbose_name=_("signed head")
    )
    first_salt = models.BinaryField(max_length=16)
    node = models.BinaryField(max_length=40)
    leaves = models.BinaryField()

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["head", "first_salt"], name="purse_block_once")]

    def __str__(self) -> str:
        return f"{self.head_id} {bytes(self.first_salt).hex()}"
