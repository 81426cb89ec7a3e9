"""Every letter in both languages: complete, short, safe, and with one address to open."""

import re
from html.parser import HTMLParser
from uuid import UUID

import pytest

from keystall.platform.mail import Mail
from keystall.platform.money import Money
from keystall.tenants.mails.port import (
    AccountConfirm,
    AccountReset,
    Bought,
    CodeReportAnswered,
    Letter,
    LineCodes,
    MailedCodes,
    MerchantApproved,
    MerchantCodeReport,
    MerchantDeclined,
    MerchantListingStopped,
    MerchantOrder,
    MerchantRefundDue,
    MerchantSoldOut,
    MerchantTokenEnding,
    MerchantWebhookDisabled,
    OrderDelivered,
    OrderLink,
    OrderRefunded,
    PasskeyChanged,
    RecoveryCodesLow,
    SecondStepSwitched,
    StaffInvitation,
    Stall,
)
from keystall.themes.mail.buyer_sheets import buyer_sheet
from keystall.themes.mail.texts import ThemedMails
from keystall.themes.messages import load_messages

MAILS = ThemedMails()
STALL = Stall(
    "露露卡铺", "lulu", "http://lulu.localhost:8000", "微信 lulu", "http://localhost:8000"
)
ROW = UUID("0199f3b2-1111-7222-8333-444455556666")
NUMBER = "7Q4M-0XKD-J2"
MONEY = Money(21350, "CNY")
LINES = (
    Bought("Steam 充值码", "100 元", 2, Money(18800, "CNY")),
    Bought("月卡", "", 1, Money(2550, "CNY")),
)
ORDER = OrderDelivered(STALL, NUMBER, "token", LINES, MONEY)
SOLD_OUT = MerchantSoldOut(STALL, ROW, "Steam 充值码", "100 元")

LETTERS: list[tuple[Letter, str, str, str]] = [
    (ORDER, "您的订单 7Q4M-0XKD-J2 已发货", "Your order 7Q4M-0XKD-J2 is ready",
     "http://lulu.localhost:8000/{code}/order/token"),
    (OrderLink(STALL, NUMBER, "token"),
     "您的订单 7Q4M-0XKD-J2 的链接", "The link to your order 7Q4M-0XKD-J2",
     "http://lulu.localhost:8000/{code}/order/token"),
    (OrderRefunded(STALL, NUMBER, "token", MONEY, "sold_out"),
     "订单 7Q4M-0XKD-J2 的付款已退回", "Refund for order 7Q4M-0XKD-J2",
     "http://lulu.localhost:8000/{code}/order/token"),
    (MerchantOrder(STALL, ROW, NUMBER, "buyer@example.com", LINES, MONEY),
     "【露露卡铺】新订单 ¥213.50", "露露卡铺: new order, CN¥213.50",
     "http://localhost:8000/console/lulu/orders/T3JkZXI6AZnzshERciKDM0REVVVmZg"),
    (SOLD_OUT,
     "【露露卡铺】已售罄：Steam 充值码（100 元）", "露露卡铺: Steam 充值码 (100 元) is sold out",
     "http://localhost:8000/console/lulu/stock/VmFyaWFudDoBmfOyERFyIoMzRERVVWZm"),
    (MerchantRefundDue(STALL, ROW, NUMBER, "buyer@example.com", MONEY, "paid_twice"),
     "【露露卡铺】请手动退款 ¥213.50", "露露卡铺: please refund CN¥213.50",
     "http://localhost:8000/console/lulu/orders/T3JkZXI6AZnzshERciKDM0REVVVmZg"),
    (MerchantCodeReport(STALL, ROW, NUMBER, "buyer@example.com", "Steam 充值码", "100 元", "used",
                        "It says used."),
     "【露露卡铺】买家反馈卡密无法使用", "露露卡铺: a buyer reports a bad code",
     "http://localhost:8000/console/lulu/orders/T3JkZXI6AZnzshERciKDM0REVVVmZg"),
    (CodeReportAnswered(STALL, NUMBER, "token", "replaced", "Sorry!"),
     "订单 7Q4M-0XKD-J2：您反馈的卡密有回复了",
     "About the code you reported, order 7Q4M-0XKD-J2",
     "http://lulu.localhost:8000/{code}/order/token"),
    (MerchantApproved(STALL), "【露露卡铺】已开业", "露露卡铺 is open",
     "http://localhost:8000/console/lulu/"),
    (MerchantDeclined(STALL, "No imprint"), "【露露卡铺】未通过审核", "露露卡铺 was not approved",
     "http://localhost:8000/console/lulu/settings"),
    (MerchantListingStopped(STALL, ROW, "Moon Card", "Not sold here"),
     "【露露卡铺】商品已被下架：Moon Card", "露露卡铺: Moon Card was taken off sale",
     "http://localhost:8000/console/lulu/products/UHJvZHVjdDoBmfOyERFyIoMzRERVVWZm"),
    *[(MerchantWebhookDisabled(STALL, ROW, "erp.example.com", reason),
       "【露露卡铺】发往 erp.example.com 的 Webhook 已停用",
       "露露卡铺: the webhook to erp.example.com was switched off",
       "http://localhost:8000/console/lulu/webhooks/V2ViaG9vazoBmfOyERFyIoMzRERVVWZm")
      for reason in ("failing", "gone", "token")],
    *[(MerchantTokenEnding(STALL, ROW, "Robot", "2026-12-24", of_site),
       "【露露卡铺】API 令牌“Robot”将于 2026-12-24 到期",
       "露露卡铺: the API token “Robot” ends on 2026-12-24",
       "http://localhost:8000/console/lulu/tokens/QXBpVG9rZW46AZnzshERciKDM0REVVVmZg")
      for of_site in (True, False)],
    (AccountConfirm("http://localhost:8000", "token", days=7),
     "请确认您的邮箱", "Confirm your email address", "http://localhost:8000/confirm/token"),
    (StaffInvitation(STALL, "lin@example.com", "support", "token", days=7),
     "【露露卡铺】邀请您加入店铺", "露露卡铺: you are invited to work here",
     "http://localhost:8000/invitation/token"),
    (SecondStepSwitched("http://localhost:8000", on=True),
     "两步验证已开启", "Two-step sign-in is on", "http://localhost:8000/account/second-step"),
    (SecondStepSwitched("http://localhost:8000", on=False),
     "两步验证已关闭", "Two-step sign-in is off", "http://localhost:8000/account/second-step"),
    (RecoveryCodesLow("http://localhost:8000", left=1),
     "恢复码还剩 1 个", "1 recovery code left", "http://localhost:8000/account/second-step"),
    (SecondStepSwitched("http://localhost:8000", on=False, guarded=True),
     "验证器验证码已关闭", "Codes from your app are off",
     "http://localhost:8000/account/second-step"),
    (PasskeyChanged("http://localhost:8000", "added", guarded=True),
     "您的账号添加了通行密钥", "A passkey was added to your account",
     "http://localhost:8000/account/passkeys"),
    (PasskeyChanged("http://localhost:8000", "removed", guarded=True),
     "您的账号移除了通行密钥", "A passkey was removed from your account",
     "http://localhost:8000/account/passkeys"),
    (PasskeyChanged("http://localhost:8000", "removed", guarded=False),
     "您的账号移除了通行密钥", "A passkey was removed from your account",
     "http://localhost:8000/account/passkeys"),
    (PasskeyChanged("http://localhost:8000", "refused", guarded=True),
     "您的一个通行密钥被拒绝", "A passkey of yours was refused",
     "http://localhost:8000/account/passkeys"),
    (AccountReset("http://localhost:8000", "token", hours=2),
     "设置新密码", "Set a new password", "http://localhost:8000/password-reset/token"),
]  # fmt: skip


class Page(HTMLParser):
    """What an HTML mail shows, links to and loads."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.links: set[str] = set()
        self.tags: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links |= {value or "" for name, value in attrs if name in ("href", "src")}

    def handle_data(self, data: str) -> None:
        self.texts.append(" ".join(data.split()))

    @property
    def text(self) -> str:
        return " ".join(text for text in self.texts if text)


@pytest.mark.parametrize(("letter", "chinese", "english", "url"), LETTERS)
@pytest.mark.parametrize("locale", ["zh-CN", "en"])
def test_a_letter_has_its_subject_and_one_address(
    locale: str, letter: Letter, chinese: str, english: str, url: str
) -> None:
    mail = MAILS.render(letter, locale)

    expected = url.format(code="zh" if locale == "zh-CN" else "en")
    assert mail.subject == (chinese if locale == "zh-CN" else english)
    assert re.findall(r"https?://\S+", mail.text) == [expected]
    page = Page(mail.html)
    assert page.links == {expected}
    assert not page.tags & {"img", "script", "style", "link"}
    assert f'lang="{locale}"' in mail.html


@pytest.mark.parametrize("letter", [entry[0] for entry in LETTERS])
def test_an_english_mail_of_an_english_shop_holds_no_chinese(letter: Letter) -> None:
    mail = MAILS.render(letter, "en")

    ours = re.sub("露露卡铺|Steam 充值码|100 元|月卡|微信|露", "", mail.text + Page(mail.html).text)
    assert re.findall("[\u3000-\u9fff\uff00-\uff65]", ours) == []


def test_a_delivery_reads_as_a_merchant_would_write_it() -> None:
    mail = MAILS.render(ORDER, "zh-CN")

    assert mail.sender == "露露卡铺（通过 Keystall）"
    assert mail.text == (
        "您购买的商品已发货\n"
        "\n"
        "付款已确认，卡密已为您备好，打开订单页即可查看。\n"
        "\n"
        "查看卡密：\n"
        "http://lulu.localhost:8000/zh/order/token\n"
        "\n"
        "Steam 充值码（100 元） × 2  ¥188.00\n"
        "月卡 × 1  ¥25.50\n"
        "合计：¥213.50\n"
        "订单号：7Q4M-0XKD-J2\n"
        "\n"
        "为了安全，卡密不会写在邮件里。拿到链接的人都能打开这个订单，请勿转发本邮件。\n"
        "\n"
        "联系商家：微信 lulu\n"
        "\n"
        "-- \n"
        "本邮件由「露露卡铺」通过 Keystall 自动发送，请勿直接回复。"
    )


CODED = OrderDelivered(
    STALL, NUMBER, "token", LINES, MONEY,
    MailedCodes((LineCodes("Steam 充值码", "100 元", ("AAAA <1>", "BBBB")),), more=3),
)  # fmt: skip
REPLACED = CodeReportAnswered(
    STALL, NUMBER, "token", "replaced", "", MailedCodes((LineCodes("月卡", "", ("CCCC",)),))
)


def test_a_delivery_with_codes_lists_them_and_says_where_the_others_are() -> None:
    mail = MAILS.render(CODED, "en")

    assert mail.text.startswith(
        "Here are your codes\n"
        "\n"
        "Your payment has arrived. Your codes are in this mail, and on the order page.\n"
        "\n"
        "Steam 充值码 (100 元)\n"
        "AAAA <1>\n"
        "BBBB\n"
        "\n"
        "3 more codes of this order are on the order page.\n"
        "\n"
        "Open the order:\n"
        "http://lulu.localhost:8000/en/order/token\n"
    )
    assert "never written in a mail" not in mail.text
    assert "Whoever reads this mail has your codes" in mail.text
    shown = Page(mail.html)
    assert "AAAA <1> BBBB" in shown.text
    assert shown.links == {"http://lulu.localhost:8000/en/order/token"}


@pytest.mark.parametrize(
    ("letter", "told"),
    [(CODED, "本订单还有 3 个卡密，请在订单页查看。"), (REPLACED, "您补发新卡密，就在本邮件中")],
)
def test_codes_are_mailed_in_chinese_too(letter: Letter, told: str) -> None:
    mail = MAILS.render(letter, "zh-CN")

    assert told in mail.text
    assert told in Page(mail.html).text
    assert "请勿转发" in mail.text


def test_nothing_that_prints_a_letter_or_its_mail_prints_codes() -> None:
    worded = MAILS.render(CODED, "en")
    mail = Mail("a@example.com", worded.subject, worded.text, worded.html)

    printed = repr((CODED, worded, mail, buyer_sheet(CODED, load_messages("en"))))
    assert "BBBB" in worded.text
    assert "BBBB" not in printed


def test_both_formats_say_the_same() -> None:
    mail = MAILS.render(ORDER, "en")

    shown = Page(mail.html).text
    for said in ("Your order is ready", "CN¥188.00", "CN¥213.50", NUMBER, "微信 lulu"):
        assert said in mail.text
        assert said in shown


def test_a_merchants_mails_come_from_the_installation() -> None:
    assert MAILS.render(SOLD_OUT, "en").sender == ""
    assert MAILS.render(ORDER, "en").sender == "露露卡铺 via Keystall"


def test_a_name_is_text_and_never_markup() -> None:
    nasty = Stall('<b onclick="x">R&D</b>', "lulu", "http://lulu.localhost", "<i>", "http://x.test")

    mail = MAILS.render(OrderDelivered(nasty, NUMBER, "token", LINES, MONEY), "en")

    assert "onclick" not in "".join(re.findall(r"<[^>]*>", mail.html))
    assert '<b onclick="x">R&D</b>' in Page(mail.html).text
    assert '<b onclick="x">R&D</b>' in mail.text


def test_a_long_or_broken_name_leaves_a_subject_of_one_short_line() -> None:
    stall = Stall("a\u2028" + "店" * 300, "lulu", "http://lulu.localhost", "", "http://x.test")

    mail = MAILS.render(MerchantSoldOut(stall, ROW, "卡" * 300, "x"), "zh-CN")

    assert mail.subject == f"【a {'店' * 37}…】已售罄：{'卡' * 39}…"


def test_a_name_cannot_hide_who_sends_the_mail() -> None:
    stall = Stall("Bank\u202e \u2028 ", "lulu", "http://lulu.localhost", "", "http://x.test")

    mail = MAILS.render(OrderDelivered(stall, NUMBER, "token", LINES, MONEY), "en")

    assert mail.sender == "Bank via Keystall"
