import base64
import hashlib
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from keystall.platform.payments.port import Charge


async def act(sandbox: Any, page: str, mode: str) -> Any:
    return await sandbox.http.post(page, data={"act": mode})


@pytest.mark.parametrize(
    ("locale", "words"),
    [
        (
            "zh-CN",
            ['lang="zh-CN"', "沙盒环境", "支付 ¥12.50", "延迟支付", "返回店铺", "<dt>订单</dt>"],
        ),
        (
            "en",
            [
                'lang="en"',
                "Sandbox: no real money",
                "Pay CN¥12.50",
                "Pay late",
                "Back to the",
                "<dt>Order</dt>",
            ],
        ),
    ],
)
async def test_the_page_speaks_the_buyers_language(
    sandbox: Any, charge: Charge, locale: str, words: list[str]
) -> None:
    started = await sandbox.provider.start(replace(charge, locale=locale))

    page = await sandbox.http.get(started.redirect_url)

    assert page.status_code == 200
    assert [word for word in words if word not in page.text] == []
    assert "</dt><dd>Steam 充值卡 &lt;50&gt;</dd>" in page.text
    assert "<script" not in page.text
    assert page.headers["content-security-policy"].startswith("default-src 'none'")


async def test_the_policy_lets_the_pages_own_style_in_and_no_other(
    sandbox: Any, charge: Charge
) -> None:
    started = await sandbox.provider.start(charge)

    page = await sandbox.http.get(started.redirect_url)

    [style] = re.findall("<style>(.*?)</style>", page.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}';" in page.headers["content-security-policy"]
    assert " style=" not in page.text


@pytest.mark.parametrize(
    ("mode", "amounts"), [("pay", [1250]), ("twice", [1250, 1250]), ("wrong", [625])]
)
async def test_paying_leads_back_to_the_shop_and_calls_it(
    sandbox: Any, shop: Any, charge: Charge, mode: str, amounts: list[int]
) -> None:
    started = await sandbox.provider.start(charge)

    answer = await act(sandbox, started.redirect_url, mode)

    assert (answer.status_code, answer.headers["location"]) == (303, charge.return_url)
    assert [body["amount"] for body in await shop.called(len(amounts))] == amounts
    after = await sandbox.http.get(started.redirect_url)
    assert "<form" not in after.text
    assert "已收款" in after.text


async def test_a_failure_stays_on_the_page_and_offers_another_try(
    sandbox: Any, shop: Any, charge: Charge
) -> None:
    started = await sandbox.provider.start(charge)

    answer = await act(sandbox, started.redirect_url, "fail")

    assert answer.headers["location"] == f"/p/{started.provider_reference}"
    page = await sandbox.http.get(started.redirect_url)
    assert "支付失败，没有扣款" in page.text
    assert "<form" in page.text
    assert (await shop.called(1))[0]["kind"] == "payment.failed"


async def test_a_late_payment_shows_how_long_it_takes(sandbox: Any, charge: Charge) -> None:
    soon = datetime.now(UTC) + timedelta(hours=1)
    started = await sandbox.provider.start(replace(charge, expires_at=soon, locale="en"))

    before = await sandbox.http.get(started.redirect_url)
    await act(sandbox, started.redirect_url, "late")

    page = await sandbox.http.get(started.redirect_url)
    assert re.search(r"Pay late: in (60 min [0-2]|59 min 5\d) s, when", before.text)
    assert re.search(r"will arrive late, in (60 min [0-2]|59 min 5\d) s, when", page.text)
    assert "refresh" not in page.text  # a page that reloads under its reader is taken from them
    assert '<a class="button" href="">Look again</a>' in page.text
    assert "<form" not in page.text


async def test_pressing_twice_takes_once(sandbox: Any, shop: Any, charge: Charge) -> None:
    started = await sandbox.provider.start(charge)

    first = await act(sandbox, started.redirect_url, "pay")
    second = await act(sandbox, started.redirect_url, "pay")

    assert first.headers["location"] == second.headers["location"] == charge.return_url
    assert len((await sandbox.settled(1))["takings"]) == 1


async def test_an_unknown_payment_and_an_unknown_act_are_refused(
    sandbox: Any, charge: Charge
) -> None:
    started = await sandbox.provider.start(charge)

    lost = await sandbox.http.get(f"{sandbox.url}/p/pay_none", headers={"accept-language": "zh"})
    odd = await act(sandbox, started.redirect_url, "steal")

    assert (lost.status_code, "没有这笔支付" in lost.text) == (404, True)
    assert odd.status_code == 422
    assert (await sandbox.journal())[0]["takings"] == []
