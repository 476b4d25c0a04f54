from terminals.models.acceptance import Batch, Refusal, Tap
from terminals.models.appeals import AppealPolicy, HotListAppeal
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
from terminals.models.greys import Grey, GreyStep
from terminals.models.held import HeldResolution, HotListRemoval
from terminals.models.hours import TradingHours
from terminals.models.identity import CardCertificate, IdentityCheck
from terminals.models.places import Line, Place, Route, RouteStop, Stop
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
from terminals.models.rides import Ride

__all__ = [
    "AppealPolicy",
    "Batch",
    "BureauBatch",
    "BureauLine",
    "CardCertificate",
    "CentreKey",
    "Channel",
    "Contract",
    "DocumentKind",
    "EnrolmentCode",
    "FleetPolicy",
    "Grey",
    "GreyStep",
    "Heartbeat",
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
    "Merchant",
    "ParameterPolicy",
    "Place",
    "PublishedDocument",
    "Refusal",
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
    "TradingHours",
]
