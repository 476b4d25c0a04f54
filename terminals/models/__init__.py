from terminals.models.acceptance import Batch, Refusal, Tap
from terminals.models.acceptance_policy import AcceptancePolicy
from terminals.models.bureau import BureauBatch, BureauLine
from terminals.models.field import Channel, Contract, HotListEntry, Merchant, Tariff
from terminals.models.fleet import (
    EnrolmentCode,
    FleetPolicy,
    Heartbeat,
    Terminal,
    TerminalEvent,
    TerminalKey,
    TerminalKind,
)
from terminals.models.identity import CardCertificate, IdentityCheck
from terminals.models.places import Line, Place, Route, RouteStop, Stop
from terminals.models.returns import PurchaseReturn, ReturnPolicy

__all__ = [
    "AcceptancePolicy",
    "Batch",
    "BureauBatch",
    "BureauLine",
    "CardCertificate",
    "Channel",
    "Contract",
    "EnrolmentCode",
    "FleetPolicy",
    "Heartbeat",
    "HotListEntry",
    "IdentityCheck",
    "Line",
    "Merchant",
    "Place",
    "PurchaseReturn",
    "Refusal",
    "ReturnPolicy",
    "Route",
    "RouteStop",
    "Stop",
    "Tap",
    "Tariff",
    "Terminal",
    "TerminalEvent",
    "TerminalKey",
    "TerminalKind",
]
