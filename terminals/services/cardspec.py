"""What stands on the chip of a card here: its record and its holder's data as the files of a T-Union card."""

from __future__ import annotations

from typing import Final

from django.conf import settings

from accounts.models import Card, DataAccess, IdentityDocument
from accounts.selectors.people import main_document
from accounts.services.citizens import RevealedCitizen, reveal_citizen
from terminals.card.files import HolderInfo, ManagementInfo, PublicInfo
from terminals.card.personalise import CardSpec
from terminals.card.profile import T_UNION

CHINA_CODE: Final = "00000156"
INTEROPERABLE: Final = 1
PURSE_APPLICATION: Final = 2
NAME_BYTES: Final = 20
DOCUMENT_CODES: Final[dict[str, int]] = {
    IdentityDocument.Kind.RESIDENT_ID: 0,
    IdentityDocument.Kind.PASSPORT: 2,
    IdentityDocument.Kind.TAIWAN_PASS: 3,
    IdentityDocument.Kind.HOME_PASS: 3,
}
OTHER_DOCUMENT: Final = 5
"""Document type byte of EF16: identity card, passport, entry permit, other."""


def card_spec(*, card: Card, pin: str, actor: str) -> CardSpec:
    """All that a chip is given. The holder's data are revealed to `actor`, which is audited."""
    holder = reveal_holder(card=card, actor=actor, reason="personalisation of the card")
    return CardSpec(
        public_info=public_info(card),
        management=management_info(card),
        holder=holder_info(card, holder),
        pin=pin,
        key_version=card.key_version,
    )


def reveal_holder(*, card: Card, actor: str, reason: str) -> RevealedCitizen | None:
    """The holder's data in clear, to be written to the card, in diary and audit trail; None for an anonymous card."""
    if card.citizen is None:
        return None
    return reveal_citizen(citizen=card.citizen, actor=actor, reason=reason, what=DataAccess.What.WRITTEN)


def public_info(card: Card) -> PublicInfo:
    """EF15."""
    return PublicInfo(
        issuer_id=bytes.fromhex(f"0101{settings.ISSUER_CODE}FFFFFFFF"),
        application_type=PURSE_APPLICATION,
        version=1,
        serial=T_UNION.serial_of(card.pan),
        start=card.valid_from,
        expiry=card.valid_to,
    )


def management_info(card: Card) -> ManagementInfo:
    """EF17."""
    city: str = settings.ISSUER_CODE
    province = f"{city[:2]}00"
    return ManagementInfo(CHINA_CODE, province, city, INTEROPERABLE, card.product.kind_code)


def holder_info(card: Card, holder: RevealedCitizen | None) -> HolderInfo:
    """EF16, behind the PIN on the chip; empty on an anonymous card."""
    if card.citizen is None or holder is None:
        return HolderInfo(card_type=card.product.kind_code)
    return HolderInfo(
        card_type=card.product.kind_code,
        name=_fitting(holder.name),
        document_number=holder.document_number,
        document_type=DOCUMENT_CODES.get(main_document(card.citizen).kind, OTHER_DOCUMENT),
    )


def _fitting(name: str) -> str:
    """As many whole characters as the file's field holds."""
    while len(name.encode("gb18030")) > NAME_BYTES:
        name = name[:-1]
    return name
