"""Direct debits, subsidies and families."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import rule

from accounts.gateway.port import MandateStatus
from accounts.models import Citizen, FamilyLink, Mandate, Purse, SubsidyBatch
from accounts.services import family, mandates, subsidies
from accounts.services.direct_debit import IN_FLIGHT, collect_due
from tests.accounts.machine.base import CityMachine, amounts, crashes, losses, made, numbers
from tests.accounts.machine.city import PAYER, Holder
from tests.accounts.subsidies.files import subsidy_file


class CitizenSteps(CityMachine):
    """What needs a name."""

    def citizen(self, number: int) -> tuple[Holder, Citizen] | None:
        """An active card and its holder."""
        holder = self.holder(number)
        if holder is None or holder.card.citizen is None:
            return None
        return holder, holder.card.citizen

    @rule(
        number=numbers,
        kind=st.sampled_from(["chip", "account"]),
        amount_fen=st.integers(1, 6_000),
        threshold_fen=st.integers(1, 9_000),
        status=st.sampled_from([MandateStatus.ACTIVE] * 3 + [MandateStatus.ENDED]),
        lost=losses,
        crash=crashes,
    )
    def mandate_agreed(
        self,
        number: int,
        kind: str,
        amount_fen: int,
        threshold_fen: int,
        status: MandateStatus,
        lost: list[str],
        crash: int | None,
    ) -> None:
        if (found := self.citizen(number)) is None:
            return
        holder, citizen = found
        when, purse = self.now, Purse.objects.get(card=holder.card, kind=kind)
        mandate = self.do(
            lambda: mandates.request_mandate(
                citizen=citizen, purse=purse, amount_fen=amount_fen, threshold_fen=threshold_fen,
                day_cap_fen=2 * amount_fen, month_cap_fen=5 * amount_fen, actor="citizen", occurred_at=when,
            )
        )  # fmt: skip
        if mandate is None:
            return
        self.made["mandate"] += 1
        self.gateway.lost = lost
        if self.do(lambda: mandates.start_mandate(mandate=mandate), crash=crash) is not None:
            self.gateway.agree(f"seti_{mandate.reference}", status)
        self.do(lambda: mandates.confirm_mandate(mandate=mandate, now=self.now), crash=crash)

    @made("mandate")
    @rule(number=numbers, crash=crashes, again=st.booleans())
    def mandate_stopped(self, number: int, crash: int | None, again: bool) -> None:
        live = list(Mandate.objects.exclude(state=Mandate.State.STOPPED).order_by("pk"))
        if live and number < 8:
            mandate, when = live[number % len(live)], self.now
            self.do(
                lambda: mandates.stop_mandate(mandate=mandate, actor="citizen", occurred_at=when),
                crash=crash,
                again=again,
            )

    @made("mandate")
    @rule(declines=st.sampled_from([0, 0, 1]), lost=losses, crash=crashes)
    def collected(self, declines: int, lost: list[str], crash: int | None) -> None:
        self.gateway.declines, self.gateway.lost = declines, lost
        self.do(lambda: mandates.confirm_requests(now=self.now), crash=crash)
        self.do(lambda: collect_due(now=self.now), crash=crash)

    @rule(
        chosen=st.lists(numbers, min_size=1, max_size=3),
        amount_fen=amounts,
        approves=st.sampled_from([True, True, False]),
        crash=crashes,
        again=st.booleans(),
    )
    def subsidy(
        self, chosen: list[int], amount_fen: int, approves: bool, crash: int | None, again: bool
    ) -> None:
        """An agency's file for some cards; some batches wait for their second person."""
        found = {holder.card.pan for number in chosen if (holder := self.holder(number))}
        if not found:
            return
        rows = [(pan, f"{amount_fen / 100:.2f}") for pan in sorted(found)]
        content = subsidy_file(rows, number=self.key(), payer=PAYER)
        batch = self.do(
            lambda: subsidies.upload_subsidy_file(content=content, maker="maker"), crash=crash, again=again
        )
        self.made["batch"] += batch is not None
        if batch is not None and approves:
            self.approve(batch, crash, again)

    @made("batch")
    @rule(crash=crashes, again=st.booleans())
    def subsidy_approved_later(self, crash: int | None, again: bool) -> None:
        if batch := SubsidyBatch.objects.order_by("pk").first():
            self.approve(batch, crash, again)

    def approve(self, batch: SubsidyBatch, crash: int | None, again: bool) -> None:
        when = self.now
        self.do(
            lambda: subsidies.approve_subsidy_batch(batch=batch, checker="checker", occurred_at=when),
            crash=crash,
            again=again,
        )

    @rule(amount_fen=amounts, crash=crashes, again=st.booleans())
    def agency_pays(self, amount_fen: int, crash: int | None, again: bool) -> None:
        reference, when = self.key(), self.now
        if self.do(
            lambda: subsidies.receive_subsidy_funds(
                payer=self.city.payer, amount_fen=amount_fen, reference=reference, actor="bank",
                occurred_at=when,
            ),
            crash=crash,
            again=again,
        ):  # fmt: skip
            self.book.move("1001", "1231", amount_fen)

    @rule(number=numbers, other=numbers, joins=st.booleans(), crash=crashes)
    def family_linked_or_left(self, number: int, other: int, joins: bool, crash: int | None) -> None:
        payer, member = self.citizen(number), self.citizen(other)
        if payer is None or member is None or payer[1] == member[1]:
            return
        when = self.now
        known = FamilyLink.objects.filter(payer=payer[1], member=member[1]).exclude(state="ended").first()
        link = known or self.do(
            lambda: family.invite_member(payer=payer[1], member=member[1], actor="payer", occurred_at=when)
        )
        self.made["family"] += 1
        if joins:
            self.do(
                lambda: family.join_family(link=link, sees_balance=True, actor="member", occurred_at=when),
                crash=crash,
            )
        elif known:
            self.do(lambda: family.leave_family(link=link, actor="member", occurred_at=when), crash=crash)

    @made("family")
    @rule(
        number=numbers,
        kind=st.sampled_from(["chip", "account"]),
        amount_fen=amounts,
        crash=crashes,
        again=st.booleans(),
    )
    def family_tops_up(self, number: int, kind: str, amount_fen: int, crash: int | None, again: bool) -> None:
        link = FamilyLink.objects.order_by("-pk").first()
        member = self.citizen(number)
        if link is None or member is None:
            return
        key, when = self.key(), self.now
        order = self.do(
            lambda: family.top_up_for(
                payer=link.payer, card=member[0].card, amount_fen=amount_fen, actor="payer",
                occurred_at=when, purse_kind=kind, request_key=key,
            ),
            crash=crash,
            again=again,
        )  # fmt: skip
        assert order is None or (link.state, link.member_id) == ("active", member[1].pk)

    def settle(self) -> None:
        """Debits whose answers were lost are asked about once more."""
        super().settle()
        self.tick(IN_FLIGHT)
        collect_due(now=self.now)
