"""The pay page's words, in the two languages of its buyers."""

from typing import NamedTuple


class Words(NamedTuple):
    lang: str
    title: str
    sandbox: str
    amount: str
    order: str
    reference: str
    pay: str
    more: str
    fail: str
    late: str
    late_why: str
    twice: str
    wrong: str
    taken: str
    failed: str
    scheduled: str
    again: str
    wait: str
    back: str
    unknown: str


_ENGLISH = Words(
    lang="en",
    title="Sandbox payment",
    sandbox="Sandbox: no real money moves here.",
    amount="Amount",
    order="Order",
    reference="Payment",
    pay="Pay {amount}",
    more="Or try what else can happen",
    fail="Payment fails",
    late="Pay late: in {wait}, when the order has expired",
    late_why="An order expires when its goods are no longer held. How long that is, is a setting of"
    " the shop.",
    twice="Pay twice",
    wrong="Pay a wrong amount",
    taken="Paid. {amount} was taken.",
    failed="The payment failed. Nothing was taken; you can try again.",
    scheduled="The payment will arrive late, in {wait}, when the order has expired. It does so"
    " whether this page stays open or not.",
    again="Look again",
    wait="{minutes} min {seconds} s",
    back="Back to the shop",
    unknown="There is no such payment.",
)
_CHINESE = Words(
    lang="zh-CN",
    title="沙盒支付",
    sandbox="沙盒环境：不会发生真实扣款。",
    amount="金额",
    order="订单",
    reference="支付流水号",
    pay="支付 {amount}",
    more="或者试试其他情况",
    fail="支付失败",
    late="延迟支付：{wait}后到账，届时订单已过期",
    late_why="超过保留时长，订单即过期。保留多久由店铺设置决定。",
    twice="重复支付两次",
    wrong="支付错误的金额",
    taken="支付成功，已收款 {amount}。",
    failed="支付失败，没有扣款，可以重试。",
    scheduled="款项将在 {wait}后到账，届时订单已过期。关闭本页也照常到账。",
    again="再看一次",
    wait="{minutes} 分 {seconds} 秒",
    back="返回店铺",
    unknown="没有这笔支付。",
)


def words_for(locale: str) -> Words:
    """Chinese for every Chinese locale, English for all others."""
    return _CHINESE if locale.lower().startswith("zh") else _ENGLISH
