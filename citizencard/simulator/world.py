"""The plan's city in the database: real merchants, lines, places, terminals with keys, and cards with purses."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from accounts.models import CardProduct
from citizencard.core.calendar import SHANGHAI
from citizencard.simulator.layout import STATIONS, Device
from citizencard.simulator.plan import Plan
from settlement.services.proposals import found_contract
from terminals.models import Channel, Line, Merchant, Place, Stop, Terminal
from terminals.services.field import register_merchant, register_terminal
from terminals.services.fleet import revoke_terminal
from terminals.services.places import save_line, save_place

ACTOR: Final = "simulator"
PRODUCT: Final = "simulated"
_BALANCE_LIMIT_FEN: Final = 500_000
"""Far above what anybody here holds, records that are still on their way included."""
_PLACES: Final = {
    Channel.BUS: Place.Kind.VEHICLE,
    Channel.METRO: Place.Kind.GATE,
    Channel.PARKING: Place.Kind.PARKING,
}


@dataclass(frozen=True, slots=True)
class World:
    """Who stands for whom: terminals, their keys and merchants by the plan's numbers; `run` is part of their codes."""

    plan: Plan
    run: int
    merchants: tuple[Merchant, ...]
    terminals: tuple[Terminal, ...]
    keys: tuple[Ed25519PrivateKey, ...]
    revoked: tuple[str, Ed25519PrivateKey]
    """Code and key of a terminal that was stolen."""

    @property
    def unknown(self) -> str:
        """The code of a terminal that nobody has registered."""
        return f"s{self.run}-nobody"

    def moment(self, seconds: int) -> datetime:
        """The plan's time as an instant."""
        return datetime.combine(self.plan.first, time(), SHANGHAI) + timedelta(seconds=seconds)


def card_product() -> CardProduct:
    """What simulated cards are: anonymous, without price and deposit."""
    terms = {
        "name": "模拟卡",
        "real_name": False,
        "kind_code": 1,
        "balance_limit_fen": _BALANCE_LIMIT_FEN,
        "validity_years": 10,
    }
    return CardProduct.objects.get_or_create(code=PRODUCT, defaults=terms)[0]


def found_world(plan: Plan) -> World:
    """Register everything of the plan that stands in the city, through the services; beside earlier runs, if there were any."""
    run = Merchant.objects.filter(code__regex=r"^s\d+-metro$").count() + 1
    merchants = tuple(
        register_merchant(code=f"s{run}-{party.code}", name=party.name, channel=party.channel)
        for party in plan.layout.parties
    )
    for merchant, party in zip(merchants, plan.layout.parties, strict=True):
        found_contract(merchant=merchant, rate_basis_points=party.fee, valid_from=plan.first)
    sites = _Sites(run, merchants)
    keys = tuple(Ed25519PrivateKey.generate() for _ in plan.layout.devices)
    terminals = tuple(
        _register(run, device, merchants[device.party], sites.of(device), key)
        for device, key in zip(plan.layout.devices, keys, strict=True)
    )
    return World(plan, run, merchants, terminals, keys, _stolen(run, merchants[0], len(keys)))


def terminal_no(run: int, number: int) -> str:
    """The SAM's number of a simulated terminal, 12 hexadecimal digits."""
    return f"5A{run:04X}{number:06X}"


def _register(run: int, device: Device, merchant: Merchant, site: Place, key: Ed25519PrivateKey) -> Terminal:
    return register_terminal(
        code=f"s{run}-t{device.number:04}",
        merchant=merchant,
        place=device.place,
        tariff_code=device.tariff,
        terminal_no=terminal_no(run, device.number),
        public_key=key.public_key().public_bytes_raw(),
        site=site,
        actor=ACTOR,
    )


def _stolen(run: int, merchant: Merchant, number: int) -> tuple[str, Ed25519PrivateKey]:
    """A terminal that existed and whose key counts for nothing any more."""
    key = Ed25519PrivateKey.generate()
    terminal = register_terminal(
        code=f"s{run}-stolen",
        merchant=merchant,
        place="—",
        tariff_code="entered",
        terminal_no=terminal_no(run, number),
        public_key=key.public_key().public_bytes_raw(),
        actor=ACTOR,
    )
    revoke_terminal(terminal=terminal, actor=ACTOR, reason="stolen")
    return terminal.code, key


class _Sites:
    """Places for terminals: vehicles on their lines, gates at their stations, shops by themselves."""

    def __init__(self, run: int, merchants: tuple[Merchant, ...]) -> None:
        self._run, self._merchants = run, merchants
        self._lines: dict[int, Line] = {}
        self._stops = {stop.code: stop for stop in Stop.objects.filter(code__in=STATIONS)}

    def of(self, device: Device) -> Place:
        merchant = self._merchants[device.party]
        kind = _PLACES.get(device.channel, Place.Kind.SHOP)
        return save_place(
            code=f"s{self._run}-{device.number}",
            name=device.place,
            kind=kind,
            merchant=merchant,
            line=self._line(device, merchant) if kind == Place.Kind.VEHICLE else None,
            stop=self._stops[STATIONS[device.station]] if kind == Place.Kind.GATE else None,
        )

    def _line(self, device: Device, merchant: Merchant) -> Line:
        if device.line not in self._lines:
            code, name = f"s{self._run}-L{device.line + 1}", f"{device.line + 1}路"
            self._lines[device.line] = save_line(code=code, name=name, merchant=merchant)
        return self._lines[device.line]
