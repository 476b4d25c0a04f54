"""What can be refused where cards meet machines."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from citizencard.core.errors import CitizenCardError


class TerminalsError(CitizenCardError):
    """Base of this app's errors."""

    code = "terminals_error"


class BatchNumberReused(TerminalsError):
    """A batch of that number was processed before with other content; nothing was posted. Data `number`."""

    code = "batch_number_reused"
    status = 409
    message = _("Batch %(number)s was already processed with other content.")
    rule = "one content per terminal and batch number"


class AnonymousLoss(TerminalsError):
    """An anonymous card cannot be reported lost, for nobody can say whose it was: data `card`."""

    code = "anonymous_loss"
    status = 409
    message = _(
        "Card %(card)s is anonymous and cannot be reported lost. With the card in hand any service hall registers it in your name."
    )
    rule = "支付机构预付卡业务管理办法（中国人民银行公告〔2012〕第12号）：不记名卡不挂失"


class IllegalLossStep(TerminalsError):
    """Only a loss that is reported for now is taken back by the holder: data `number`, the report that stands."""

    code = "illegal_loss_step"
    status = 409
    message = _(
        "No loss is reported for now (report %(number)s). A report for good is taken back at the counter only."
    )


class TariffWrong(TerminalsError):
    """A tariff's rule cannot be computed. Data `code` and `reason`."""

    code = "tariff_wrong"
    status = 422
    message = _("Tariff %(code)s cannot be computed: %(reason)s")


class TariffMissing(TerminalsError):
    """No version of the tariff is in force on the date. Data `code` and `date`."""

    code = "tariff_missing"
    status = 404
    message = _("Tariff %(code)s is not in force on %(date)s.")


class FaresRefused(TerminalsError):
    """Fare documents that cannot be published; nothing was. Data `problems` (`FareProblem`), `count`, `first`."""

    code = "fares_refused"
    status = 422
    message = _("%(count)s things stand against it, first: %(first)s")
    rule = "fares contradict neither themselves nor what is there"

    def __init__(self, problems: Sequence[object]) -> None:
        super().__init__(problems=problems, count=len(problems), first=str(problems[0]))


class FareBegun(TerminalsError):
    """A document that holds already is not withdrawn; a later version replaces it. Data `document` and `date`."""

    code = "fare_begun"
    status = 409
    message = _("%(document)s has been in force since %(date)s: publish a later version instead.")
    rule = "an event is judged by the rule of its own date"


class TerminalTaken(TerminalsError):
    """The code or SAM is registered otherwise already. Data `code`."""

    code = "terminal_taken"
    status = 409
    message = _("Terminal %(code)s, or its SAM, is registered with other data.")


class LoadUnfinished(TerminalsError):
    """The chip answered no more while value was being loaded. The order stays open; the same card settles it."""

    code = "load_unfinished"
    status = 409
    message = _("The card left before order %(number)s was loaded. Put the same card on the reader again.")


class WrongCardOnReader(TerminalsError):
    """Another card lies on the reader than the one meant. Data `expected` and `found`."""

    code = "wrong_card_on_reader"
    status = 409
    message = _("The reader holds card %(found)s, not %(expected)s.")


class WrongChipOnReader(TerminalsError):
    """The chip is not the one the bureau printed this card on. Data `expected` and `found` (chip serials)."""

    code = "wrong_chip_on_reader"
    status = 409
    message = _("This card was printed on chip %(expected)s; the reader holds chip %(found)s.")


class UnknownChip(TerminalsError):
    """The bureau has printed none of our cards on this chip. Data `found` (chip serial)."""

    code = "unknown_chip"
    status = 409
    message = _("Chip %(found)s carries no card of ours. Put it aside and take one from the stock.")


class ChallengeUsed(TerminalsError):
    """An identity challenge that was never given, is older than its life, or was answered before."""

    code = "challenge_used"
    status = 409
    message = _("The challenge is unknown, too old or already answered. Ask for a new one.")


class IdentityRefused(TerminalsError):
    """The card could not prove that it is a card in use here. Data `outcome` (stable) and `reason` (for people)."""

    code = "identity_refused"
    status = 403
    message = _("The card's identity was not accepted: %(reason)s.")


class BureauCertificateWrong(TerminalsError):
    """The bureau's certificate cannot protect personal data. Data `reason`."""

    code = "bureau_certificate_wrong"
    status = 422
    message = _("The bureau's certificate cannot be used: %(reason)s.")


class BureauCardsWrong(TerminalsError):
    """A card of the list cannot be ordered; nothing was. Data `card` and `reason`."""

    code = "bureau_cards_wrong"
    status = 422
    message = _("Card %(card)s cannot be ordered: %(reason)s.")


class BureauBatchExists(TerminalsError):
    """These cards were ordered before; the file is only written again when asked for. Data `number`."""

    code = "bureau_batch_exists"
    status = 409
    message = _("These cards were ordered as batch %(number)s already.")
    rule = "one batch per set of cards"


class BureauAnswerWrong(TerminalsError):
    """The bureau's answer is no file of the form agreed. Data `reason`."""

    code = "bureau_answer_wrong"
    status = 422
    message = _("The bureau's answer cannot be read: %(reason)s.")


class IllegalTerminalStep(TerminalsError):
    """The terminal's state has no such step. Data `source` and `target`."""

    code = "illegal_terminal_step"
    status = 409
    message = _("A terminal that is %(source)s cannot become %(target)s.")


class EnrolmentCodeInvalid(TerminalsError):
    """No open code of this terminal is the one given: wrong, used, too old, tried too often, or no such SAM.

    Which of them is not told: the asker has proved nothing yet.
    """

    code = "enrolment_code_invalid"
    status = 403
    message = _("The enrolment code is not valid for this SAM. Ask for a new one.")
    rule = "one device per code, a few tries, a short life"


class ProofOfPossessionWrong(TerminalsError):
    """The new key did not sign what it had to."""

    code = "proof_wrong"
    status = 422
    message = _("The proof does not show that the terminal holds the private key.")
    rule = "proof of possession"


class KeyTaken(TerminalsError):
    """The public key is, or was, another terminal's or an earlier one of this terminal."""

    code = "key_taken"
    status = 409
    message = _("This key was used before. Make a new one.")
    rule = "one key per terminal, once"


class RotationSuperseded(TerminalsError):
    """The key that signed has been followed by another one already; only the newest names its successor."""

    code = "rotation_superseded"
    status = 409
    message = _("The signing key already has a successor. Sign with that one.")
    rule = "one successor per key"


class EventNumberReused(TerminalsError):
    """An event of that number was told before with other content; nothing was stored. Data `number`."""

    code = "event_number_reused"
    status = 409
    message = _("Event %(number)s was already told with other content.")
    rule = "one content per terminal and event number"


class TotalChanged(TerminalsError):
    """A terminal told other figures of a window before, or of one that overlaps it; nothing was stored. Data `first`, `last`."""

    code = "total_changed"
    status = 409
    message = _("The total from %(first)s to %(last)s contradicts one that was told before.")
    rule = "one total per window of sequences"


class SiteWrong(TerminalsError):
    """A place of another merchant. Data `place`."""

    code = "site_wrong"
    status = 422
    message = _("Place %(place)s belongs to another merchant.")


class LineRefused(TerminalsError):
    """A body of one object a line cannot be read; none of it is kept. Data `line` (0: the whole), `field`, `reason`."""

    code = "line_refused"
    status = 422
    message = _("Line %(line)s, %(field)s: %(reason)s")
    rule = "one JSON object a line, all of them or none"


class RideCodeWithoutMoney(TerminalsError):
    """There is nothing in the account purse that a ride could be paid from."""

    code = "ride_code_without_money"
    status = 409
    message = _("The online account is empty. Top it up to ride by code.")


class SelfListing(TerminalsError):
    """Whoever raised a suspicion does not block the card: a person has confirmed it, and another one lists it."""

    code = "self_listing"
    status = 403
    message = _("A card is put on the hot list by another person than the one who raised the suspicion.")
    rule = gettext_noop("four eyes on every blocked card")


class NotAppealable(TerminalsError):
    """The card is not on the hot list on suspicion, so there is nothing to object to. Data `card`, masked."""

    code = "not_appealable"
    status = 409
    message = _("Card %(card)s is not blocked on suspicion.")


class IllegalAppealStep(TerminalsError):
    """An appeal is decided once: data `source`, `target`."""

    code = "illegal_appeal_step"
    status = 409
    message = _("The objection is %(source)s already and cannot become %(target)s.")


class SelfDecision(TerminalsError):
    """Whoever put the card on the list does not decide whether that was right."""

    code = "self_decision"
    status = 403
    message = _("An objection is decided by another person than the one who blocked the card.")
    rule = gettext_noop("nobody judges his own decision")


class TerminalSuspended(TerminalsError):
    """A suspended terminal takes no cards: nothing is told of them and nothing is put on them."""

    code = "terminal_suspended"
    status = 409
    message = _("The terminal is suspended and takes no cards.")


class TooManyInquiries(TerminalsError):
    """More questions about cards than people put cards on a reader: data `seconds` to wait."""

    code = "too_many_inquiries"
    status = 429
    message = _("Too many inquiries. Try again in %(seconds)s seconds.")
    rule = "inquiries per terminal and minute"


class PurchaseUnknown(TerminalsError):
    """No such purchase: no tap with these numbers of terminal and card."""

    code = "purchase_unknown"
    status = 404
    message = _("There is no such purchase.")


class PurchaseNotYours(TerminalsError):
    """Another merchant's purchase."""

    code = "purchase_not_yours"
    status = 403
    message = _("The purchase was made at another merchant.")
    rule = "only who was paid gives back"


class PurchaseNotPaid(TerminalsError):
    """The merchant has not been paid for it: it waits in suspense, or was over nothing."""

    code = "purchase_not_paid"
    status = 409
    message = _("Nothing was paid to the merchant for this purchase.")


class AlreadyReversed(TerminalsError):
    """The purchase was cancelled before, from another terminal; there is nothing left to give back."""

    code = "already_reversed"
    status = 409
    message = _("The purchase was cancelled already.")


class PurchaseDayClosed(TerminalsError):
    """The business day of the purchase is over: it is refunded instead."""

    code = "day_closed"
    status = 409
    message = _("The day of the purchase is closed. Refund it instead.")
    rule = "cancellation within the business day"


class ReturnNotAllowed(TerminalsError):
    """The channel's policy does not allow it, or not any more."""

    code = "return_not_allowed"
    status = 409
    message = _("Purchases of this kind are not taken back any more.")
    rule = "return policy of the channel"


class PurchaseOverRefunded(TerminalsError):
    """All that is given back of a purchase together would be more than was paid: data `left_fen`."""

    code = "purchase_over_refunded"
    status = 409
    message = _("More cannot be given back than was paid.")


class HeldDecided(TerminalsError):
    """It waits no more: a rule or two people have decided it. Data `subject`."""

    code = "held_decided"
    status = 409
    message = _("%(subject)s does not wait for a decision any more.")
    rule = gettext_noop("each held purchase and each claim ends once")


class HeldProposed(TerminalsError):
    """Somebody else's proposal has to be decided first. Data `maker`."""

    code = "held_proposed"
    status = 409
    message = _("%(maker)s has proposed something for it already: approve or reject that first.")


class HeldPlaceMissing(TerminalsError):
    """What goes back has nowhere to go: the purse is closed or full, and the holder has no other. Data `subject`."""

    code = "held_place_missing"
    status = 409
    message = _("%(subject)s: no open purse of the holder has room for what goes back.")
