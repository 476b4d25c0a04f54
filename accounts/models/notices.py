"""What a citizen is told about their card without having asked."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models.people import Citizen


class Notice(models.Model):
    """One message to a citizen: `code` is its sentence, `data` what the sentence names.

    The sentences are no choices of the column: putting one better is no change of the database.
    """

    class Code(models.TextChoices):
        """The sentences. Amounts in yuan."""

        MANDATE_ACTIVE = (
            "mandate_active",
            _("Automatic top-up of card %(card)s is on: %(amount)s yuan from %(bank)s."),
        )
        MANDATE_COLLECTED = (
            "mandate_collected",
            _("%(amount)s yuan were collected from %(bank)s for card %(card)s."),
        )
        MANDATE_DECLINED = "mandate_declined", _("%(bank)s declined %(amount)s yuan for card %(card)s.")
        STOPPED_CITIZEN = "mandate_stopped_citizen", _("Automatic top-up of card %(card)s was switched off.")
        STOPPED_LOST = (
            "mandate_stopped_lost",
            _("Automatic top-up of card %(card)s has ended: the card was reported lost."),
        )
        STOPPED_CLOSED = (
            "mandate_stopped_closed",
            _("Automatic top-up of card %(card)s has ended: the card is no longer in use."),
        )
        STOPPED_WITHDRAWN = (
            "mandate_stopped_withdrawn",
            _("Automatic top-up of card %(card)s has ended: the mandate was withdrawn at the bank."),
        )
        STOPPED_DECLINED = (
            "mandate_stopped_declined",
            _("Automatic top-up of card %(card)s has ended: the bank declined several times in a row."),
        )
        STOPPED_CREDIT = (
            "mandate_stopped_credit",
            _("Automatic top-up of card %(card)s was refused: a credit card cannot be used."),
        )
        STOPPED_EXPIRED = (
            "mandate_stopped_expired",
            _("Automatic top-up of card %(card)s was not agreed to in time."),
        )
        STOPPED_REPLACED = (
            "mandate_stopped_replaced",
            _(
                "Automatic top-up of card %(card)s has ended with the card. For the new one please switch it on anew."
            ),
        )
        CARD_REPLACED = (
            "card_replaced",
            _(
                "Card %(card)s is replaced by %(new)s. What is left on it follows from %(due)s on, when late rides have arrived."
            ),
        )
        MONEY_FOLLOWED = (
            "money_followed",
            _(
                "%(amount)s yuan of the old card have followed to card %(card)s; what is for the chip is written at the next reader."
            ),
        )
        STOPPED_LEVEL = (
            "mandate_stopped_level",
            _("Automatic top-up of card %(card)s has ended: please have your identity checked again."),
        )
        LEVEL_LOWERED = (
            "level_lowered",
            _("Your identity has to be checked again. Until then some services are closed to you."),
        )
        ALIVE = (
            "alive",
            _(
                "You were on record as deceased by mistake, for which we are sorry. Your cards work again; please have your "
                "identity checked at a counter."
            ),
        )
        MOVED_OUT = (
            "moved_out",
            _(
                "You are on record as moved out on %(date)s: this city's concessions have ended. Your cards go on."
            ),
        )
        RENAMED = (
            "renamed",
            _("Your new name is on record. The name on your card is changed when you have it replaced."),
        )
        CONSENT_DUE = (
            "consent_due",
            _("You are 14 now: what your guardian has agreed to for your card is yours to agree to."),
        )
        GUARDIAN_GONE = (
            "guardian_gone",
            _("You are 18 now: your guardian no longer sees or does anything for you here."),
        )
        FARE_GIVEN_BACK = (
            "fare_given_back",
            _(
                "%(amount)s yuan of %(rides)s rides are given back to card %(card)s, at the next reader that tops up."
            ),
        )
        CONCESSION_ENDS = (
            "concession_ends",
            _("Your concession (%(category)s) ends on %(date)s, in %(days)s days. Please have it renewed."),
        )

        CARD_LISTED = (
            "card_listed",
            _(
                "Card %(card)s was reported lost. What is paid with it more than %(minutes)s minutes after the report is not "
                "charged to you."
            ),
        )
        CARD_FOUND = "card_found", _("Card %(card)s was found and works again.")
        CARD_LISTED_WRONGLY = (
            "card_listed_wrongly",
            _(
                "Card %(card)s was refused by mistake and works again. If this has cost you anything, please tell us."
            ),
        )

        HOT_LISTED = (
            "hot_listed",
            _("Card %(card)s is blocked on suspicion. On the card's page you see why, and can object."),
        )
        APPEAL_FILED = (
            "appeal_filed",
            _("Your objection %(number)s about card %(card)s has arrived. It is decided by %(due)s."),
        )
        APPEAL_GRANTED = (
            "appeal_granted",
            _("Objection %(number)s: you were right, and card %(card)s works again. We are sorry."),
        )
        APPEAL_REFUSED = (
            "appeal_refused",
            _("Objection %(number)s: card %(card)s stays blocked. The reason is on the card's page."),
        )
        COMPENSATED = (
            "compensated",
            _("For the wrongly blocked card %(card)s you get %(amount)s yuan."),
        )

        DISPUTE_OPENED = (
            "dispute_opened",
            _("Your dispute %(number)s about %(amount)s yuan has arrived. It is decided by %(due)s."),
        )
        DISPUTE_ADVANCED = (
            "dispute_advanced",
            _(
                "Dispute %(number)s: %(amount)s yuan were credited to you meanwhile. They stay yours unless it is decided against you."
            ),
        )
        DISPUTE_GRANTED = (
            "dispute_granted",
            _("Dispute %(number)s was decided for you: %(amount)s yuan are yours."),
        )
        DISPUTE_REFUSED = (
            "dispute_refused",
            _(
                "Dispute %(number)s was decided against you. You see why on its page, and can appeal until %(due)s."
            ),
        )
        DISPUTE_CLOSED = (
            "dispute_closed",
            _("Dispute %(number)s is closed: the charge stands. What was credited meanwhile goes back."),
        )

    citizen = models.ForeignKey(Citizen, models.PROTECT, related_name="notices", verbose_name=_("citizen"))
    code = models.CharField(_("message"), max_length=30)
    data = models.JSONField(_("detail"), default=dict)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        verbose_name = _("notice")
        verbose_name_plural = _("notices")
        indexes = [models.Index(fields=["citizen", "-created_at"], name="notice_of_citizen")]

    def __str__(self) -> str:
        return self.text

    @property
    def text(self) -> str:
        """The sentence in the reader's language."""
        sentence: str = self.Code(self.code).label % self.data
        return sentence
