"""The pages on which a person pays, or agrees to be debited, in the sandbox: made for a phone, in Chinese and English."""

from __future__ import annotations

from html import escape
from typing import Final

from citizencard.core.money import format_yuan
from citizencard.sandbox import mandates, payments
from citizencard.sandbox.store import Object, Refused, Store

_WAYS: Final = (
    ("pm_alipay", "支付宝", "Alipay"),
    ("pm_wechat_pay", "微信支付", "WeChat Pay"),
    ("pm_card_visa", "银行卡", "Bank card"),
)
_TEST_WAYS: Final = (
    ("pm_card_chargeDeclined", "被拒的卡", "Card that is declined"),
    ("pm_card_refundFail", "退款失败的卡", "Card whose refunds fail"),
    ("pm_card_pendingRefund", "退款待处理的卡", "Card whose refunds wait"),
)
_CARDS: Final = (
    ("pm_card_unionpay", "银联借记卡 尾号 0005", "UnionPay debit card 0005"),
    ("pm_card_unionpay_empty", "余额不足的卡 尾号 9995", "Card 9995, account empty"),
    ("pm_card_unionpay_credit", "银联信用卡 尾号 1117", "UnionPay credit card 1117"),
)
_OUTCOMES: Final = {
    ("payment_intent", "succeeded"): "已支付 Paid",
    ("payment_intent", "canceled"): "已取消 Canceled",
    ("setup_intent", "succeeded"): "已同意 Agreed",
    ("setup_intent", "canceled"): "已取消 Canceled",
}
_PAGE: Final = """<!doctype html>
<html lang="zh-Hans"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root{{color-scheme:light dark}}
body{{font:1.05rem/1.5 system-ui,"Noto Sans CJK SC",sans-serif;margin:0 auto;max-width:26rem;padding:1.5rem 1rem}}
h1{{font-size:1.2rem;text-align:center;margin:0}}small,.en{{color:GrayText;font-size:.85em}}
.sum{{font-size:2.6rem;font-weight:600;text-align:center;margin:.5rem 0;font-variant-numeric:tabular-nums}}
.number{{text-align:center;overflow-wrap:anywhere;margin:0}}
fieldset{{border:0;padding:0;margin:1rem 0}}legend{{font-weight:600}}
label{{display:flex;align-items:center;gap:.8rem;min-height:3rem;padding:0 1rem;margin:.4rem 0;border:1px solid GrayText;
border-radius:.6rem}}label:has(:checked){{border-color:#0b6e4f;outline:2px solid #0b6e4f}}
button,.back{{display:block;box-sizing:border-box;width:100%;min-height:3.2rem;font:inherit;font-weight:600;border:0;
border-radius:.6rem;background:#0b6e4f;color:#fff;margin:.6rem 0;text-align:center;line-height:3.2rem;text-decoration:none}}
button.other{{background:none;color:inherit;border:1px solid GrayText}}
[role]{{text-align:center;font-weight:600}}[role=alert]{{color:#b00020}}
</style></head><body><main><h1>{title}</h1>{body}</main></body></html>"""


def answer(store: Store, page: str, id_: str, asked: Object, *, portal: str) -> bytes:
    """The page of a payment or a mandate after whatever was asked of it. Raises Refused (404) for an unknown one."""
    notice = ""
    try:
        _act(store, page, id_, asked)
    except Refused as refusal:
        notice = str(refusal)
    thing = store.get("payment_intent" if page == "pay" else "setup_intent", id_)
    alert = f"<p role='alert'>{escape(notice)}</p>" if notice else ""
    body = (_payment(thing) if page == "pay" else _mandate(store, thing)) + alert
    if (thing["object"], thing["status"]) in _OUTCOMES:
        body += f"<a class='back' href='{escape(portal)}'>返回市民卡 Back to the citizen card</a>"
    title = "沙盒收银台 Sandbox checkout" if page == "pay" else "沙盒委托扣款 Sandbox debit mandate"
    return _PAGE.format(title=title, body=body).encode()


def _act(store: Store, page: str, id_: str, asked: Object) -> None:
    chosen = {"payment_method": asked.get("method", "")}
    match page, asked.get("do"):
        case "pay", "pay":
            payments.confirm(store, id_, {"payment_method": chosen["payment_method"] or "pm_alipay"})
        case "pay", "cancel":
            payments.cancel(store, id_)
        case "mandate", "agree":
            mandates.confirm(store, id_, chosen)
        case "mandate", "cancel":
            mandates.cancel(store, id_)
        case "mandate", "withdraw":
            mandates.withdraw(store, id_)


def _payment(intent: Object) -> str:
    number = escape(str(intent["metadata"].get("order_number", intent["id"])))
    head = f"<p class='number'>{number}</p><p class='sum'>¥ {format_yuan(intent['amount'])}</p>"
    if outcome := _outcome(intent):
        return head + outcome
    test = f"<details><summary>测试 <small>For tests</small></summary>{_choices(_TEST_WAYS)}</details>"
    ways = _choices(_WAYS, checked="pm_alipay")
    return head + _form("支付方式 Pay with", ways + test, "pay", "支付 Pay")


def _mandate(store: Store, setup: Object) -> str:
    mandate = store.find(setup["mandate"] or "")
    if mandate and mandate["status"] == "inactive":
        return "<p role='status'>已撤销 Withdrawn</p>"
    if outcome := _outcome(setup):
        withdraw = "<button class='other' name='do' value='withdraw'>撤销委托 Withdraw</button>"
        return outcome + (f"<form method='post'>{withdraw}</form>" if mandate else "")
    words = "<p>同意后，充值款可从所选银行卡自动扣取。<br><span class='en'>Top-ups may then be debited from this card.</span></p>"
    return words + _form(
        "银行卡 Bank card", _choices(_CARDS, checked=_CARDS[0][0]), "agree", "同意并授权 Agree"
    )


def _outcome(thing: Object) -> str:
    words = _OUTCOMES.get((thing["object"], thing["status"]))
    return f"<p role='status'>{words}</p>" if words else ""


def _form(legend: str, choices: str, do: str, label: str) -> str:
    return (
        f"<form method='post'><fieldset><legend>{legend}</legend>{choices}</fieldset>"
        f"<button name='do' value='{do}'>{label}</button>"
        "<button class='other' name='do' value='cancel'>取消 Cancel</button></form>"
    )


def _choices(ways: tuple[tuple[str, str, str], ...], checked: str = "") -> str:
    return "".join(
        f"<label><input type='radio' name='method' value='{way}'{' checked' if way == checked else ''}>"
        f"<span>{chinese} <span class='en'>{english}</span></span></label>"
        for way, chinese, english in ways
    )
