"""The pay page's words, in the two languages of its buyers."""

from typing import NamedTuple


class Words(NamedTuple):
    lang: str
    title: str
    sandbox: str
    amount: str
    order: str
    pay: str
    more: str
    fail: str
    late: str
    twice: str
    wrong: str
    taken: str
    failed: str
    scheduled: str
    back: str
    unknown: str


_ENGLISH = Words(
    lang="en",
    title="Sandbox payment",
    sandbox="Sandbox: no real money moves here.",
    amount="Amount",
    order="Order",
    pay="Pay {amount}",
    more="Or try what else can happen",
    fail="Payment fails",
    late="Pay late, after the order has expired",
    twice="Pay twice",
    wrong="Pay a wrong amount",
    taken="Paid. {amount} was taken.",
    failed="The payment failed. Nothing was taken; you can try again.",
    scheduled="The payment will arrive late, in {seconds} s. This page reloads by itself.",
    back="Back to the shop",
    unknown="There is no such payment.",
)
_CHINESE = Words(
    lang="zh-CN",
    title="沙箱支付",
    sandbox="沙箱环境：不会发生真实扣款。",
    amount="金额",
    order="订单",
    pay="支付 {amount}",
    more="或者试试其他情况",
    fail="支付失败",
    late="延迟支付（订单过期之后才到账）",
    twice="重复支付两次",
    wrong="支付错误的金额",
    taken="支付成功，已收款 {amount}。",
    failed="支付失败，没有扣款，可以重试。",
    scheduled="款项将延迟到账，还需 {seconds} 秒。本页会自动刷新。",
    back="返回商店",
    unknown="没有这笔支付。",
)


def words_for(locale: str) -> Words:
    """Chinese for every Chinese locale, English for all others."""
    return _CHINESE if locale.lower().startswith("zh") else _ENGLISH
