"""Contracts with merchants: read, and put in force from their first day on."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from citizencard.core.errors import InvalidField
from settlement.models import WHOLE, Contract, ContractBand, ContractShare, Proposal
from settlement.services.rules.reading import FEN_MAX, judged_by_the_database, read
from terminals.fares.fields import Fields
from terminals.models import Merchant

PRICE_MAX_FEN: Final = 1_000_000
"""The highest fixed fee of one transaction, ten thousand yuan: a slip of the keyboard is refused."""
SETTLE_DAYS_MAX: Final = 30


_REFUSALS: Final = {
    "settlement_contract_number_key": ("number", _("already used")),
    "settlement_one_contract_at_a_time": (
        "valid_from",
        _("another contract of the merchant covers some of these dates"),
    ),
    "settlement_contract_leaves_no_gap": (
        "valid_from",
        _("dates between it and another contract of the merchant would have none"),
    ),
    "settlement_contract_leaves_statements_alone": (
        "valid_from",
        _("statements of some of these dates are already made"),
    ),
}
"""What the database may refuse of a contract: the field and the rule, for people."""


def check(content: object) -> dict[str, Any]:
    """The contract as it is to be kept. Raises InvalidField."""
    with read(content) as fields:
        kept: dict[str, Any] = {
            "number": fields.text("number", 40),
            "merchant": fields.text("merchant", 20),
            "valid_from": fields.date("valid_from").isoformat(),
            "valid_until": fields.date("valid_until").isoformat() if fields.has("valid_until") else None,
            "legal_basis": fields.text("legal_basis"),
            "measure": fields.choice("measure", {each: each for each in Contract.Measure.values}),
            "period": fields.choice("period", {each: each for each in Contract.Period.values}),
            "settle_days": fields.whole("settle_days", 0, SETTLE_DAYS_MAX),
            "minimum_fen": _bound(fields, "minimum_fen"),
            "maximum_fen": _bound(fields, "maximum_fen"),
        }
        kept |= _bands(fields, kept["measure"]) | _split(fields)
    _check_order(kept)
    for code in [kept["merchant"], *(share["merchant"] for share in kept["shares"])]:
        if not Merchant.objects.filter(code=code).exists():
            raise InvalidField("merchant", _("%(code)s is no merchant") % {"code": code})
    return kept


def publish(content: dict[str, Any], proposal: Proposal) -> Contract:
    """Put a checked contract in force; what had no end yet of the merchant ends the day before. Raises InvalidField.

    Not before statements that are made, without a gap after the contract before, and not over another one.
    """
    begins = date.fromisoformat(content["valid_from"])
    merchant = Merchant.objects.get(code=content["merchant"])
    with judged_by_the_database(_REFUSALS):
        Contract.objects.filter(merchant=merchant, valid_until=None, valid_from__lt=begins).update(
            valid_until=begins - timedelta(days=1)
        )
        contract = Contract.objects.create(
            **{name: content[name] for name in _PLAIN},
            merchant=merchant,
            valid_from=begins,
            valid_until=content["valid_until"] and date.fromisoformat(content["valid_until"]),
            proposal=proposal,
        )
        ContractBand.objects.bulk_create(ContractBand(contract=contract, **band) for band in content["bands"])
        takers = Merchant.objects.in_bulk(
            [share["merchant"] for share in content["shares"]], field_name="code"
        )
        ContractShare.objects.bulk_create(
            ContractShare(contract=contract, merchant=takers[share["merchant"]], weight=share["weight"])
            for share in content["shares"]
        )
    return contract


_PLAIN: Final = (
    "number", "legal_basis", "measure", "period", "settle_days", "minimum_fen", "maximum_fen", "split",
)  # fmt: skip


def _bound(fields: Fields, key: str) -> int | None:
    return fields.whole(key, 0, FEN_MAX, "number of fen") if fields.has(key) else None


def _bands(fields: Fields, measure: str) -> dict[str, Any]:
    highest = WHOLE if measure == Contract.Measure.GROSS else PRICE_MAX_FEN
    bands = []
    for band in fields.objects("bands"):
        bands.append({"floor": band.whole("floor", 0, FEN_MAX), "price": band.whole("price", 0, highest)})
        band.done()
    floors = [band["floor"] for band in bands]
    if floors[0] != 0:
        raise InvalidField("bands[0].floor", _("the first band begins at 0"))
    for place, (before, floor) in enumerate(pairwise(floors), start=1):
        if floor <= before:
            raise InvalidField(f"bands[{place}].floor", _("each band begins above the one before"))
    return {"bands": bands}


def _split(fields: Fields) -> dict[str, Any]:
    if not fields.has("split") or fields.raw("split") == "":
        if fields.has("shares") and fields.raw("shares"):
            raise InvalidField("split", _("shares of what: the net or the gross"))
        return {"split": "", "shares": []}
    split = fields.choice("split", {"net": "net", "gross": "gross"})
    shares: list[dict[str, Any]] = []
    for share in fields.objects("shares"):
        shares.append({"merchant": share.text("merchant", 20), "weight": share.whole("weight", 1, WHOLE)})
        share.done()
    if len({share["merchant"] for share in shares}) < len(shares):
        raise InvalidField("shares", _("each merchant once"))
    if (total := sum(share["weight"] for share in shares)) != WHOLE:
        raise InvalidField(
            "shares", _("the weights come to %(total)d, not %(whole)d") % {"total": total, "whole": WHOLE}
        )
    return {"split": split, "shares": shares}


def _check_order(kept: dict[str, Any]) -> None:
    if kept["valid_until"] is not None and kept["valid_until"] < kept["valid_from"]:
        raise InvalidField("valid_until", _("ends before it begins"))
    least, most = kept["minimum_fen"], kept["maximum_fen"]
    if least is not None and most is not None and most < least:
        raise InvalidField("maximum_fen", _("below the least fee"))
