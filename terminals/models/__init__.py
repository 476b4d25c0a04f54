from terminals.models.acceptance import Batch, Refusal, Tap
from terminals.models.acceptance_policy import AcceptancePolicy
from terminals.models.appeals import AppealPolicy, HotListAppeal
from terminals.models.bureau import BureauBatch, BureauLine
from terminals.models.charges import FareCharge, FarePricing, FareShare
from terminals.models.fares import FareDocument, FareProposal, Tariff
from terminals.models.field import Channel, HotListEntry, Merchant
from terminals.models.fleet import (
    EnrolmentCode,
    FleetPolicy,
    Heartbeat,
    Terminal,
    TerminalEvent,
    TerminalKey,
    TerminalKind,
)
from terminals.models.greys import Grey, GreyStep
from terminals.models.held import ClaimResolution, HeldResolution, HotListRemoval
from terminals.models.hours import TradingHours
from terminals.models.identity import CardCertificate, IdentityCheck
from terminals.models.losses import LossReport
from terminals.models.places import Line, Place, Route, RouteStop, Stop
from terminals.models.policies import PolicyProposal
from terminals.models.proposals import HeldKind, HeldProposal, WaitingPurchase
from terminals.models.published import (
    CentreKey,
    DocumentKind,
    HotListChange,
    HotListPolicy,
    HotListVersion,
    ListApplied,
    ParameterPolicy,
    PublishedDocument,
    SignedDocument,
)
from terminals.models.returns import PurchaseReturn, ReturnPolicy
from terminals.models.rides import Ride
from terminals.models.totals import TerminalTotal

__all__ = [
    "AcceptancePolicy",
    "AppealPolicy",
    "Batch",
    "BureauBatch",
    "BureauLine",
    "CardCertificate",
    "CentreKey",
    "Channel",
    "ClaimResolution",
    "DocumentKind",
    "EnrolmentCode",
    "FareCharge",
    "FareDocument",
    "FarePricing",
    "FareProposal",
    "FareShare",
    "FleetPolicy",
    "Grey",
    "GreyStep",
    "Heartbeat",
    "HeldKind",
    "HeldProposal",
    "HeldResolution",
    "HotListAppeal",
    "HotListChange",
    "HotListEntry",
    "HotListPolicy",
    "HotListRemoval",
    "HotListVersion",
    "IdentityCheck",
    "Line",
    "ListApplied",
    "LossReport",
    "Merchant",
    "ParameterPolicy",
    "Place",
    "PolicyProposal",
    "PublishedDocument",
    "PurchaseReturn",
    "Refusal",
    "ReturnPolicy",
    "Ride",
    "Route",
    "RouteStop",
    "SignedDocument",
    "Stop",
    "Tap",
    "Tariff",
    "Terminal",
    "TerminalEvent",
    "TerminalKey",
    "TerminalKind",
    "TerminalTotal",
    "TradingHours",
    "WaitingPurchase",
]
