"""What can be refused about money, cards and people, each with a stable code and its rule."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop
from django_stubs_ext import StrOrPromise

from citizencard.core.errors import CitizenCardError

PREPAID_CARD_LIMITS = "支付机构预付卡业务管理办法（中国人民银行公告〔2012〕第12号）：不记名卡资金限额1000元，记名卡资金限额5000元"
REAL_NAME_CONSENT = "中华人民共和国个人信息保护法第十三条、第二十九条"


class InvalidLeg(CitizenCardError):
    """A transfer that moves nothing, moves from an account to itself, or a journal without transfers: data `reason`."""

    code = "invalid_leg"
    status = 422
    message = _("This cannot be posted: %(reason)s.")


class PurseFloorReached(CitizenCardError):
    """The posting would take a purse below its floor; nothing was posted."""

    code = "purse_floor_reached"
    status = 409
    message = _("The balance is not sufficient.")


class PurseCeilingReached(CitizenCardError):
    """The posting would take a purse above its ceiling; nothing was posted."""

    code = "purse_ceiling_reached"
    status = 409
    message = _("The card cannot hold that much.")
    rule = PREPAID_CARD_LIMITS


class AccountNotOpen(CitizenCardError):
    """A ledger account that is unknown, frozen or closed takes no transfer: data `account`."""

    code = "account_not_open"
    status = 409
    message = _("Ledger account %(account)s is not open.")


class BusinessDayClosed(CitizenCardError):
    """The posting names a closed business day: data `date`."""

    code = "business_day_closed"
    status = 409
    message = _("Business day %(date)s is closed.")


class IllegalCardTransition(CitizenCardError):
    """A card's life has no such step: data `source`, `target`."""

    code = "illegal_card_transition"
    status = 409
    message = _("A card cannot go from %(source)s to %(target)s.")


class CardNotActive(CitizenCardError):
    """Only an active card can be topped up: data `state`."""

    code = "card_not_active"
    status = 409
    message = _("The card is not active (%(state)s).")


class ConcessionHeld(CitizenCardError):
    """The same category at the same time, or the same proof renewed twice: data `category`."""

    code = "concession_held"
    status = 409
    message = _("There is a concession %(category)s for this time already.")


class ConcessionOver(CitizenCardError):
    """What was withdrawn is not renewed but granted anew: data `category`."""

    code = "concession_over"
    status = 409
    message = _("The concession %(category)s was withdrawn. Grant a new one.")


class CardAlreadyHeld(CitizenCardError):
    """One live card per citizen and product: data `product`."""

    code = "card_already_held"
    status = 409
    message = _("The citizen already holds a card of the product %(product)s.")


class CardHasFunds(CitizenCardError):
    """A card with money on it, or a top-up under way, cannot be closed: data `balance_fen`."""

    code = "card_has_funds"
    status = 409
    message = _("The card still has funds or a top-up under way.")


class CitizenRequired(CitizenCardError):
    """A real-name product needs a holder: data `product`."""

    code = "citizen_required"
    status = 422
    message = _("The product %(product)s is issued to a registered citizen only.")


class AnonymousProduct(CitizenCardError):
    """An anonymous card has no holder on record: data `product`."""

    code = "anonymous_product"
    status = 422
    message = _("The product %(product)s is anonymous and cannot be issued in a name.")


class ConsentMissing(CitizenCardError):
    """The citizen has not agreed to the purpose: data `purpose`."""

    code = "consent_missing"
    status = 409
    message = _("The citizen's consent is missing: %(purpose)s.")
    rule = REAL_NAME_CONSENT


class LevelTooLow(CitizenCardError):
    """The citizen's identity is not verified well enough for what they want. Data `operation`, `needed`, `level`."""

    code = "level_too_low"
    status = 403
    message = _("%(operation)s needs %(needed)s; this person stands at %(level)s.")
    rule = "levels of verification"


class GuardianRequired(CitizenCardError):
    """For a child under 14 a guardian agrees. Data `age`."""

    code = "guardian_required"
    status = 409
    message = _("Under 14 a guardian has to agree; none is on record, or none of them has.")
    rule = "Personal Information Protection Law, article 31"


class NotAGuardian(CitizenCardError):
    """Only a guardian on record acts for a minor."""

    code = "not_a_guardian"
    status = 403
    message = _("This person is no guardian of the other, or no longer.")


class WardOfAge(CitizenCardError):
    """Whoever is 18 has no guardian; and whose age nobody knows neither."""

    code = "ward_of_age"
    status = 409
    message = _("A ward is under 18, and the birth date is on record.")


class AlreadyMerged(CitizenCardError):
    """A record that was merged, or is proposed to be, is not merged again."""

    code = "already_merged"
    status = 409
    message = _("One of the two records is merged already, or waits to be.")


class ComparisonRefused(CitizenCardError):
    """A comparison list with bad rows, of which nothing was taken: data `problems`, each with row, field and fault."""

    code = "comparison_refused"
    status = 422
    message = _("The comparison list has %(count)s problems; nothing was taken.")

    def __init__(self, problems: Sequence[object]) -> None:
        super().__init__(count=len(problems), problems=tuple(problems))


class ChangeOnRecord(CitizenCardError):
    """What is reported of a person is on record already, or waits to be believed."""

    code = "change_on_record"
    status = 409
    message = _("This is on record already, or waits for a second person.")


class HolderDeceased(CitizenCardError):
    """The card's holder is on record as deceased: what is on it belongs to the heirs."""

    code = "holder_deceased"
    status = 409
    message = _("The holder is on record as deceased. The heirs are paid out by a refund, on their proof.")


class MergeConflict(CitizenCardError):
    """Both have what one person may have only once. Data `what`."""

    code = "merge_conflict"
    status = 409
    message = _("Both have %(what)s. One of the two has to be closed first.")


class NotReplaceable(CitizenCardError):
    """A card in this state, or for this cause, gets no other in its place: data `state`, `cause`."""

    code = "not_replaceable"
    status = 409
    message = _("A card that is %(state)s is not replaced as %(cause)s.")


class IllegalReplacementStep(CitizenCardError):
    """The money has moved already: data `source`, `target`."""

    code = "illegal_replacement_step"
    status = 409
    message = _("A replacement that is %(source)s cannot become %(target)s.")


class LastDocument(CitizenCardError):
    """A person keeps one document in force: by what else would they be known?"""

    code = "last_document"
    status = 409
    message = _("This is the only document in force of this person. Add another one first.")


class DocumentAlreadyRegistered(CitizenCardError):
    """A document belongs to one person. Names the field, never the person."""

    code = "document_already_registered"
    status = 409
    message = _("A citizen with this document number is already registered.")

    def __init__(self) -> None:
        super().__init__(field="document_number")


class LoginExists(CitizenCardError):
    """One login per citizen."""

    code = "login_exists"
    status = 409
    message = _("The citizen already has a login.")


class LimitExceeded(CitizenCardError):
    """A limit of the day stands against the amount: data `amount_fen`, `limit_code`, `limit_fen`, `used_fen`.

    `rule` is the legal basis the limit was published with. Where no limit but the product itself says so, `limit_code` is
    the product's.
    """

    code = "limit_exceeded"
    status = 409
    message = _("%(limit_code)s: at most %(limit)s yuan, of which %(used)s are used.")

    def __init__(self, *, legal_basis: str = "", **data: Any) -> None:
        super().__init__(**data)
        self.rule = legal_basis or self.rule


class AmountOutOfRange(LimitExceeded):
    """An amount outside what is allowed at once: data `amount_fen`, `minimum_fen`, `maximum_fen`."""

    code = "amount_out_of_range"
    status = 422
    message = _("The amount must be between %(minimum)s and %(maximum)s yuan.")


class BalanceLimitExceeded(LimitExceeded):
    """The purse would hold more than it may: data `limit_fen`, `balance_fen` (with the amount)."""

    code = "balance_limit_exceeded"
    status = 409
    message = _("The card may hold at most %(limit)s yuan.")
    rule = PREPAID_CARD_LIMITS


class HoldExceeded(CitizenCardError):
    """More than a hold still reserves cannot be captured: data `remaining_fen`."""

    code = "hold_exceeded"
    status = 409
    message = _("The amount is more than what is still reserved.")


class HoldExpired(CitizenCardError):
    """The hold's time was over when the amount was captured: data `expires_at`."""

    code = "hold_expired"
    status = 409
    message = _("The reservation has expired.")


class IllegalHoldTransition(CitizenCardError):
    """A hold has no such step: data `source`, `target`."""

    code = "illegal_hold_transition"
    status = 409
    message = _("A reservation cannot go from %(source)s to %(target)s.")


class PaymentOverRefunded(CitizenCardError):
    """All refunds of a payment together would be more than was paid: data `paid_fen`."""

    code = "payment_over_refunded"
    status = 409
    message = _("More cannot be refunded than was paid.")


class IllegalOrderTransition(CitizenCardError):
    """A top-up order has no such step: data `source`, `target`."""

    code = "illegal_order_transition"
    status = 409
    message = _("A top-up order cannot go from %(source)s to %(target)s.")


class WrongChannel(CitizenCardError):
    """The order is paid another way: data `channel`."""

    code = "wrong_channel"
    status = 409
    message = _("The order is paid through another channel (%(channel)s).")


class LoadRefused(CitizenCardError):
    """The chip's MAC1 is wrong: it does not hold this card's keys, or the data were changed on the way."""

    code = "load_refused"
    status = 422
    message = _("The card could not prove itself for the load.")


class LoadNotProven(CitizenCardError):
    """The TAC or the balance does not prove the load; the order stays as it is."""

    code = "load_not_proven"
    status = 422
    message = _("The card's proof of the load is wrong; the top-up stays open.")


class LoadCounterMismatch(CitizenCardError):
    """The chip's counter does not fit the order: data `expected`, `shown`."""

    code = "load_counter_mismatch"
    status = 409
    message = _("The card's load counter is %(shown)s, expected %(expected)s.")


class GatewayError(CitizenCardError):
    """The payment gateway refused or did not understand the request: data `gateway_status`, its HTTP status."""

    code = "gateway_error"
    status = 502
    message = _("The payment gateway refused the request.")

    @property
    def is_final(self) -> bool:
        """Whether the no is to what was asked. Others (a wrong key of ours, say) say nothing of it: ask again later."""
        return isinstance(self, GatewayDeclined) or self.data.get("gateway_status") == 400


class GatewayDeclined(GatewayError):
    """The payer's bank said no: data `decline_code` in the gateway's words. Nothing was moved."""

    code = "gateway_declined"
    status = 402
    message = _("The bank declined the payment.")


class GatewayUnavailable(CitizenCardError):
    """No answer, or none that can be read: the result is unknown until the gateway is asked again."""

    code = "gateway_unavailable"
    status = 503
    message = _("The payment gateway does not answer. Please try again later.")


class GatewaySignatureInvalid(CitizenCardError):
    """A call-back that the gateway did not sign, or signed too long ago. Nothing was changed."""

    code = "gateway_signature_invalid"
    status = 400
    message = _("The call-back is not signed by the payment gateway.")


class GatewayEventMismatch(CitizenCardError):
    """A signed call-back that contradicts our order: data `field`. Kept as evidence, no money moved."""

    code = "gateway_event_mismatch"
    status = 422
    message = _("The payment differs from the order: %(field)s.")


class NotTheHolder(CitizenCardError):
    """The card is somebody else's."""

    code = "not_the_holder"
    status = 403
    message = _("The card belongs to somebody else.")


class MandateExists(CitizenCardError):
    """One mandate per purse: the one in force is stopped first."""

    code = "mandate_exists"
    status = 409
    message = _("Automatic top-up is already on for this card.")


class IllegalMandateTransition(CitizenCardError):
    """A mandate has no such step: data `source`, `target`."""

    code = "illegal_mandate_transition"
    status = 409
    message = _("A mandate cannot go from %(source)s to %(target)s.")


class SubsidyFileRefused(CitizenCardError):
    """A subsidy file with bad rows, of which nothing was taken: data `problems`, each with row, field and code."""

    code = "subsidy_file_refused"
    status = 422
    message = _("The subsidy file has %(count)s problems; nothing was taken.")

    def __init__(self, problems: Sequence[object]) -> None:
        super().__init__(count=len(problems), problems=tuple(problems))


class IllegalBatchTransition(CitizenCardError):
    """A subsidy batch has no such step: data `source`, `target`."""

    code = "illegal_batch_transition"
    status = 409
    message = _("A subsidy batch cannot go from %(source)s to %(target)s.")


class FamilyLinkExists(CitizenCardError):
    """The two are linked, or the invitation is still open."""

    code = "family_link_exists"
    status = 409
    message = _("This person is already in the family, or invited.")


class FamilyLinkMissing(CitizenCardError):
    """The payer is not linked with the holder of the card."""

    code = "family_link_missing"
    status = 403
    message = _("The holder of the card is not in your family.")


class IllegalFamilyTransition(CitizenCardError):
    """A family link has no such step: data `source`, `target`."""

    code = "illegal_family_transition"
    status = 409
    message = _("A family link cannot go from %(source)s to %(target)s.")


class _WithBasis(CitizenCardError):
    """Its rule is the one that stands in its data as `legal_basis`."""

    def __init__(self, **data: Any) -> None:
        super().__init__(**data)
        self.rule = data.get("legal_basis", "")


class RefundBlocked(_WithBasis):
    """Something stands against the refund: data `blocker` (stable word), `reason`, `legal_basis`, `until` (a date or None)."""

    code = "refund_blocked"
    status = 409
    message = _("The refund is not possible: %(reason)s")


class CardTampered(CitizenCardError):
    """The chip shows what the books cannot explain; nothing is paid out until a person has cleared it: data `flag`."""

    code = "card_tampered"
    status = 409
    message = _("The card is under investigation. Nothing is paid out until that is over.")
    rule = gettext_noop("what the ledger holds is paid, never what a chip shows")


class IllegalRefundTransition(CitizenCardError):
    """A refund has no such step: data `source`, `target`."""

    code = "illegal_refund_transition"
    status = 409
    message = _("A refund cannot go from %(source)s to %(target)s.")


class IllegalAlertReview(CitizenCardError):
    """An alert is reviewed once: data `source`, `target`."""

    code = "illegal_alert_review"
    status = 409
    message = _("The alert is %(source)s already and cannot become %(target)s.")


class IllegalCompensationStep(CitizenCardError):
    """A compensation is paid once: data `source`, `target`."""

    code = "illegal_compensation_step"
    status = 409
    message = _("The compensation is %(source)s already and cannot become %(target)s.")


class SelfApproval(CitizenCardError):
    """Whoever asked for a refund does not approve it."""

    code = "self_approval"
    status = 403
    message = _("A refund is approved by another person than the one who requested it.")
    rule = "four eyes on every payout"


class PayeeMissing(_WithBasis):
    """A bank transfer needs a linked account: data `number`, `reason` why it is not cash, `legal_basis`, `until`."""

    code = "payee_missing"
    status = 409
    message = _("Refund %(number)s is paid by bank transfer and needs the payee's linked account: %(reason)s")


class RefundExceedsPayment(CitizenCardError):
    """More would go back through the gateway than was paid through it: data `number` of the order."""

    code = "refund_exceeds_payment"
    status = 409
    message = _("More than was paid for order %(number)s cannot be refunded.")


class AlreadyLoaded(CitizenCardError):
    """The chip has the value already, its counter says so: data `number` of the order."""

    code = "already_loaded"
    status = 409
    message = _("Order %(number)s is on the card already.")


class NoAccountPurse(CitizenCardError):
    """The card's product has no account purse: data `product`."""

    code = "no_account_purse"
    status = 409
    message = _("A card of the product %(product)s has no online purse.")


class AgentNotActive(CitizenCardError):
    """No such agent, or one that may not top up any more: data `agent`."""

    code = "agent_not_active"
    status = 409
    message = _("Agent %(agent)s may not top up cards.")


class AgentCreditExhausted(CitizenCardError):
    """The agent would owe more than its credit limit: data `owed_fen` (with the amount), `limit_fen`, `limit`."""

    code = "agent_credit_exhausted"
    status = 409
    message = _("The agent may owe at most %(limit)s yuan and has to pay in first.")


class PassNotOnSale(CitizenCardError):
    """No terms of the pass are in force on the day: data `code`, `date`."""

    code = "pass_not_on_sale"
    status = 422
    message = _("The pass %(code)s is not on sale on %(date)s.")


class ConcessionUnproven(CitizenCardError):
    """The pass is for some people only and nobody has seen a proof: data `concession`; `rule` is the pass's legal basis."""

    code = "concession_unproven"
    status = 422
    message = _("This pass is only for: %(concession)s.")

    def __init__(self, *, legal_basis: str, **data: Any) -> None:
        super().__init__(**data)
        self.rule = legal_basis


class PassAlreadyRunning(CitizenCardError):
    """One running pass of a kind per card: data `product`, `ends_on`."""

    code = "pass_already_running"
    status = 409
    message = _("The card holds the pass %(product)s until %(ends_on)s.")


class PassNotRefundable(CitizenCardError):
    """By its terms the pass is not given back: data `reason`; `rule` is the pass's legal basis."""

    code = "pass_not_refundable"
    status = 409
    message = _("The pass cannot be given back: %(reason)s.")

    def __init__(self, *, legal_basis: str, **data: Any) -> None:
        super().__init__(**data)
        self.rule = legal_basis


class QuoteOutdated(CitizenCardError):
    """What was quoted is no longer what is due; show the new quote: data `quoted_fen`, `payable_fen`."""

    code = "quote_outdated"
    status = 409
    message = _("The amount has changed since it was shown. Please look at it again.")


class ChargeDisputed(CitizenCardError):
    """A charge is disputed once: its dispute is under way, or was decided."""

    code = "charge_disputed"
    status = 409
    message = _("This charge is in dispute already, or its dispute was decided.")


class IllegalChargeStep(CitizenCardError):
    """A disputed charge ends once: data `source`, `target`."""

    code = "illegal_charge_step"
    status = 409
    message = _("A disputed charge that is %(source)s cannot become %(target)s.")


class StockMismatch(CitizenCardError):
    """A card is not in stock where it should be: data `card` (or the place's code), `reason`, which says what to do."""

    code = "stock_mismatch"
    status = 409
    message = _("%(card)s is not in this stock: %(reason)s.")


class IllegalCardOrderStep(CitizenCardError):
    """A card order has no such step: data `source`, `target`."""

    code = "illegal_card_order_step"
    status = 409
    message = _("A card order cannot go from %(source)s to %(target)s.")


class IssueFileRefused(CitizenCardError):
    """A list of people of which nothing was taken: data `reason`, and `problems`, each with row, field and fault."""

    code = "issue_file_refused"
    status = 422
    message = _("Nothing was taken of the list: %(reason)s.")

    def __init__(self, reason: StrOrPromise | None = None, problems: Sequence[object] = ()) -> None:
        why = reason or _("%(count)s rows have problems") % {"count": len(problems)}
        super().__init__(reason=why, problems=tuple(problems))


class IllegalIssueStep(CitizenCardError):
    """A batch issue has no such step: data `source`, `target`."""

    code = "illegal_issue_step"
    status = 409
    message = _("A batch issue cannot go from %(source)s to %(target)s.")
