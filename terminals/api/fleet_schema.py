"""What terminals send about themselves, checked and described by the same serializers."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers as s

from terminals.api.bodies import Body
from terminals.models import TerminalEvent, TerminalTotal
from terminals.services.enrolment import TRIES_MAX

BIGINT_MAX = 2**63 - 1
SEQUENCE_MAX = 2**32 - 1
VERSION_LENGTH = 40


class NextKey(Body):
    """A terminal's next key and the proof that it holds it, in lower-case hexadecimal."""

    public_key = s.RegexField(r"^[0-9a-f]{64}$", help_text="Raw Ed25519 public key")
    proof = s.RegexField(r"^[0-9a-f]{128}$", help_text="Ed25519 signature by its private half")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Both as the bytes they stand for."""
        return attrs | {name: bytes.fromhex(attrs[name]) for name in ("public_key", "proof")}


class Enrolment(NextKey):
    """The one-time code, the SAM in the device, and the key it has made."""

    code = s.CharField(max_length=20, help_text=f"As typed; {TRIES_MAX} tries")
    terminal_no = s.RegexField(r"^[0-9A-F]{12}$", help_text="Terminal number of the SAM")


class EnrolmentAnswer(s.Serializer[Any]):
    """Who the device is now."""

    code = s.CharField(help_text="The terminal's code: the keyid of its signatures")
    terminal_no = s.CharField()
    place = s.CharField()
    merchant = s.CharField()
    channel = s.CharField()
    state = s.ChoiceField(["active", "suspended"])
    clock = s.DateTimeField()
    centre_key = s.RegexField(
        r"^[0-9a-f]{64}$", help_text="Raw Ed25519 key of the centre; verify its documents with it"
    )


class KeyAnswer(s.Serializer[Any]):
    """The key that counts from now on; the one before it for a while longer."""

    public_key = s.CharField()
    valid_from = s.DateTimeField()


class HeartbeatBody(Body):
    """What a terminal tells of itself."""

    clock = s.DateTimeField(help_text="The terminal's own time, with offset")
    firmware = s.CharField(max_length=VERSION_LENGTH)
    sam_key_version = s.IntegerField(min_value=0, max_value=255)
    parameter_version = s.CharField(max_length=VERSION_LENGTH, allow_blank=True)
    tariff_version = s.CharField(max_length=VERSION_LENGTH, allow_blank=True)
    hot_list_version = s.IntegerField(min_value=0, max_value=BIGINT_MAX, help_text="The list it applies now")
    free_bytes = s.IntegerField(min_value=0, max_value=BIGINT_MAX, help_text="Room left for the journal")
    waiting_records = s.IntegerField(
        min_value=0, max_value=2**31 - 1, help_text="Purchases not yet acknowledged"
    )


class HeartbeatAnswer(s.Serializer[Any]):
    """What a terminal should know at once."""

    clock = s.DateTimeField(help_text="Our time")
    drift_ms = s.IntegerField(help_text="The terminal's clock less ours")
    state = s.ChoiceField(["active", "suspended"], help_text="A suspended terminal takes no cards")
    hot_list_version = s.IntegerField(help_text="The newest; fetch the list if it is not the one applied")


class EventBody(Body):
    """Something that happened at a terminal, under a running number of its own."""

    number = s.IntegerField(min_value=0, max_value=BIGINT_MAX)
    kind = s.ChoiceField(TerminalEvent.Kind.values)
    occurred_at = s.DateTimeField(help_text="The terminal's clock, with offset")
    times = s.IntegerField(min_value=1, max_value=2**31 - 1, default=1, help_text="How often, in one go")
    card_no = s.RegexField(r"^(?:[0-9]{16}(?:[0-9]{3})?)?$", default="", allow_blank=True)
    detail = s.CharField(max_length=200, default="", allow_blank=True)


class EventsBody(Body):
    """Events in the order of their numbers."""

    events = s.ListField(child=EventBody(), max_length=100, allow_empty=False)

    def validate_events(self, value: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """A number stands once."""
        if len({event["number"] for event in value}) < len(value):
            raise s.ValidationError("a number stands twice")
        return value


class EventsAnswer(s.Serializer[Any]):
    """All of them are kept now; `new` were not before."""

    events = s.IntegerField()
    new = s.IntegerField()


class TotalBody(Body):
    """What the terminal's own journal holds of a window of sequences that is closed for good."""

    terminal_no = s.RegexField(r"^[0-9A-F]{12}$", help_text="Terminal number of the SAM")
    business_date = s.DateField(help_text="The terminal's day, Asia/Shanghai")
    from_seq = s.IntegerField(min_value=0, max_value=SEQUENCE_MAX)
    to_seq = s.IntegerField(min_value=0, max_value=SEQUENCE_MAX)
    records = s.IntegerField(min_value=0, max_value=2**31 - 1, help_text="Finished purchases in it")
    total_fen = s.IntegerField(min_value=0, max_value=BIGINT_MAX, help_text="Their sum")
    unfinished = s.ListField(
        child=s.IntegerField(min_value=0, max_value=SEQUENCE_MAX),
        max_length=TerminalTotal.UNFINISHED_MAX,
        default=list,
        help_text="Sequences in it whose end only the card knows; not counted",
    )
    closed_at = s.DateTimeField(help_text="The terminal's clock, with offset")


class TotalAnswer(s.Serializer[Any]):
    """The total is kept."""

    records = s.IntegerField()
    seen = s.IntegerField(help_text="How many sequences of the window the centre has got")
