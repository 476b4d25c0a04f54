from terminals.models.acceptance import Batch, Refusal, Tap
from terminals.models.bureau import BureauBatch, BureauLine
from terminals.models.field import Channel, HotListEntry, Merchant, Tariff, Terminal
from terminals.models.identity import CardCertificate, IdentityCheck

__all__ = [
    "Batch",
    "BureauBatch",
    "BureauLine",
    "CardCertificate",
    "Channel",
    "HotListEntry",
    "IdentityCheck",
    "Merchant",
    "Refusal",
    "Tap",
    "Tariff",
    "Terminal",
]
