"""Why a tap ended as it did, in words for the display and the statement: Chinese and English, one table for all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Reason:
    """A stable code, its two texts, and the rule behind it for those who ask."""

    code: str
    zh: str
    en: str
    rule: str = ""

    def to_dict(self) -> dict[str, str]:
        """As answers carry it."""
        return {"code": self.code, "zh": self.zh, "en": self.en}


_ALL: Final = (
    Reason("accepted", "交易成功", "Paid"),
    Reason(
        "duplicate",
        "重复上传,不再扣款",
        "Already received, not charged again",
        "D4: one posting per terminal sequence",
    ),
    Reason(
        "hot_listed",
        "卡片已挂失,款项待处理",
        "Card reported lost, amount on hold",
        "hot list, effective time",
    ),
    Reason(
        "counter_conflict",
        "交易序号冲突,款项待核查",
        "Card counter used twice, amount on hold",
        "one purchase per card counter",
    ),
    Reason(
        "over_balance",
        "超出后台余额,款项挂账",
        "Beyond the balance on record, booked as a claim",
        "purse floor, purse open",
    ),
    Reason(
        "over_limit",
        "超出单笔交易限额,款项待核查",
        "Beyond the limit for one purchase, amount on hold",
        "acceptance policy, purchase limit",
    ),
    Reason(
        "over_price",
        "超出终端票价上限,款项待核查",
        "More than the terminal's tariff can ask, amount on hold",
        "acceptance policy, tariff of the day",
    ),
    Reason(
        "late", "上传超过规定期限,款项待处理", "Came too late, amount on hold", "acceptance policy, late days"
    ),
    Reason(
        "key_unusable",
        "密钥版本已停用,交易待核查",
        "Key version is out of use, purchase on hold",
        "key version in service",
    ),
    Reason(
        "card_not_active",
        "卡片尚未激活,款项待处理",
        "Card is not activated yet, amount on hold",
        "inert until activated",
    ),
    Reason(
        "test_card",
        "测试卡不得用于正式交易",
        "Test cards are not accepted here",
        "test product in production",
    ),
    Reason(
        "bad_tac", "交易验证码错误", "Transaction authentication code is wrong", "JR/T 0025.2 purchase TAC"
    ),
    Reason("unknown_card", "卡号不存在", "Card number is not on record", "card registry"),
    Reason("illegal_data", "记录格式错误", "Record breaks the format", "tap record format"),
    Reason("future", "交易时间晚于当前时间", "Time lies in the future", "clock tolerance"),
    Reason(
        "terminal_mismatch",
        "终端编号不符",
        "Terminal number is not the sender's",
        "SAM registered to the terminal",
    ),
    Reason("batch_encoding", "批次文件编码错误", "The batch is not UTF-8", "batch format"),
    Reason("batch_header", "批次文件头错误", "The batch header is wrong", "batch format"),
    Reason("batch_trailer", "批次文件尾错误", "The batch trailer is wrong", "batch format"),
    Reason(
        "batch_count", "批次笔数不符", "The number of records differs from the header", "batch header count"
    ),
    Reason(
        "batch_total",
        "批次金额不符",
        "The sum of the records differs from the header",
        "batch header total_fen",
    ),
    Reason("batch_too_many_records", "批次笔数超限", "Too many records in one batch", "batch size"),
    Reason("not_a_card", "无法识别的卡", "Not a citizen card"),
    Reason("expired", "卡片不在有效期内", "Card is not valid today"),
    Reason("blocked", "卡片已锁定", "Card is blocked"),
    Reason("insufficient", "余额不足", "Balance is insufficient"),
    Reason("false_card", "卡片验证失败", "Card failed authentication"),
    Reason("terminal_fault", "终端故障,未扣款", "Terminal out of order, not charged"),
    Reason("read_error", "读卡失败,请重新刷卡", "Card could not be read, please tap again"),
    Reason(
        "other_card",
        "上一张卡交易未完成,请先刷上一张卡",
        "Another card's purchase is unfinished; tap that card first",
    ),
    Reason("retap", "已刷过卡,未重复扣款", "Already tapped, not charged again"),
    Reason("entry", "请通行", "Entry"),
    Reason("no_entry", "无入场记录,请联系工作人员", "No entry on the card, please ask the staff"),
    Reason("max_fare", "无进站记录,按最高票价扣款", "No entry on the card, maximum fare charged"),
    Reason("no_tariff", "终端尚未取得票价,请稍候", "The terminal has no tariff yet, please wait"),
    Reason("no_fare", "该区间无票价", "No fare for this trip"),
    Reason("unfinished", "交易未完成,请再刷同一张卡", "Unfinished: tap the same card again"),
    Reason("recovered", "上一笔交易已完成", "The unfinished purchase was completed"),
    Reason("over_single", "超出单笔限额,未扣款", "Beyond the limit for one purchase, not charged"),
    Reason("over_daily_count", "超出当日脱机次数,未扣款", "Too many offline purchases today, not charged"),
    Reason("over_daily_sum", "超出当日脱机限额,未扣款", "Beyond the offline limit of a day, not charged"),
    Reason("overdraft", "超出透支限额,请充值", "Overdraft not allowed, please top up"),
    Reason("qr_format", "无法识别的二维码", "Not a ride code"),
    Reason("qr_key", "乘车码密钥未知,请刷新", "Ride code signed with an unknown key, please refresh it"),
    Reason("qr_forged", "乘车码无效", "Ride code is not genuine"),
    Reason("qr_altered", "乘车码被改动", "Ride code was altered"),
    Reason("qr_early", "乘车码尚未生效", "Ride code is not valid yet"),
    Reason("qr_expired", "乘车码已过期,请刷新", "Ride code has expired, please refresh it"),
    Reason("qr_replayed", "乘车码已使用,请刷新", "Ride code was used already, please refresh it"),
    Reason("qr_over", "超出乘车码限额", "Beyond what the ride code allows", "limit signed in the code"),
    Reason("qr_busy", "终端繁忙,请稍候", "The terminal is busy, please wait"),
    Reason("journal_full", "终端存储已满,未扣款", "Terminal storage is full, not charged"),
    Reason("listed", "卡片已挂失、停用或未激活,禁止使用", "Card is reported lost, stopped or not activated"),
    Reason("incomplete", "上次行程缺少出站,已补扣", "The last trip had no exit; its fare was charged"),
    Reason("lost_entry", "无入场记录,按最高费用扣款", "No entry on the card, highest charge taken"),
    Reason("free_ride", "终端停用,本次免费", "Terminal out of service, free of charge"),
    Reason("out_of_service", "终端停用,暂不收款", "Terminal out of service, no payment taken"),
    Reason("suspended", "终端已停用,请联系工作人员", "Terminal is suspended, please ask the staff"),
    Reason("line_needed", "网络不通,暂不能付款", "No connection to the centre, payment is not possible"),
    Reason("card_not_here", "此卡种不能在此使用", "This kind of card cannot be used here"),
    Reason("real_name_only", "仅限实名卡使用", "Only for cards registered by name"),
    Reason("cover", "余额不足最高费用,请充值", "Balance is below the highest charge, please top up"),
    Reason("one_holder", "此处一人一卡,不能代付", "One card for one person here"),
    Reason("present_card", "请刷卡付款", "Please tap to pay"),
    Reason("not_confirmed", "请先确认票款", "The fare has to be confirmed first"),
    Reason("reversed", "交易已撤销,款项待圈存", "Purchase cancelled, the amount waits for the card"),
    Reason("refunded", "已退款,款项待圈存", "Refunded, the amount waits for the card"),
    Reason("given_back", "已撤销或退款,不能再退", "Already given back, nothing is left"),
    Reason("not_reversible", "此处不能撤销或退款", "Cannot be cancelled or refunded here"),
    Reason("too_late", "已过可撤销期限", "Too late to cancel or refund"),
    Reason("unknown_purchase", "本终端无此交易", "No such purchase at this terminal"),
    Reason("loaded", "圈存成功", "Top-up is on the card"),
    Reason("balance", "查询成功", "Balance"),
    Reason("nothing_waits", "没有待圈存款项", "No top-up is waiting"),
    Reason("wrong_pin", "密码错误", "Wrong PIN"),
    Reason("no_line", "网络不通,请稍候再试", "No connection to the centre, please try later"),
    Reason("load_failed", "圈存失败,请到服务网点", "Top-up failed, please ask at a service point"),
    Reason("load_open", "圈存未完成,请再次放卡", "Top-up not finished, put the card on the reader again"),
)
REASONS: Final = {reason.code: reason for reason in _ALL}
