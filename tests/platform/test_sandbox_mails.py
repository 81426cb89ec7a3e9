import re
from datetime import datetime
from typing import Any

from keystall.platform.mail import FolderMailer, Mail

SENDER = "Keystall <no-reply@localhost>"


def mail_host(sandbox: Any) -> str:
    return str(sandbox.url).replace("pay.", "mail.")


async def test_mails_are_listed_newest_first_with_their_links(sandbox: Any) -> None:
    mailer = FolderMailer(sandbox.home / "mail", SENDER)
    await mailer.send(Mail("first@example.com", "第一封", "没有链接"))
    await mailer.send(
        Mail(
            to="buyer@example.com",
            subject="您的订单",
            text="查看：http://lulu.localhost:8000/zh/order/abc。\n或 (http://b.localhost/x?y=1&z=2)",
            html='<a href="http://lulu.localhost:8000/zh/order/abc">A</a>'
            '<a href="https://c.localhost/?a=1&amp;b=2">C</a><a href="javascript:alert(1)">J</a>',
        )
    )

    newest, oldest = (await sandbox.http.get(f"{mail_host(sandbox)}/mail.json")).json()

    assert (newest["to"], newest["subject"]) == ("buyer@example.com", "您的订单")
    assert newest["links"] == [
        "http://lulu.localhost:8000/zh/order/abc",
        "http://b.localhost/x?y=1&z=2",
        "https://c.localhost/?a=1&b=2",
    ]
    assert newest["text"].startswith("查看：http://lulu")
    assert newest["html"].startswith("<a href=")
    assert (oldest["to"], oldest["html"], oldest["links"]) == ("first@example.com", "", [])


async def test_the_page_shows_mails_and_runs_nothing_of_theirs(sandbox: Any) -> None:
    mailer = FolderMailer(sandbox.home / "mail", SENDER)
    hostile = '"><script>alert(1)</script>'
    await mailer.send(Mail("buyer@example.com", f"Order {hostile}", hostile, hostile))

    for path in ("/", "/mail"):
        page = await sandbox.http.get(mail_host(sandbox) + path)

        assert page.status_code == 200
        assert "buyer@example.com" in page.text
        told = re.search(r'<time datetime="(.*?)">(.*?)</time>', page.text)
        assert told is not None
        assert datetime.fromisoformat(told[1]).tzinfo is not None
        assert re.fullmatch(r"\d{1,2} [A-Z][a-z]{2} \d{4}, \d{2}:\d{2} UTC", told[2])
        assert "<script" not in page.text
        assert '<iframe sandbox="allow-popups"' in page.text
        assert "default-src 'none'" in page.headers["content-security-policy"]


async def test_without_a_mail_the_page_says_so(sandbox: Any) -> None:
    page = await sandbox.http.get(f"{mail_host(sandbox)}/mail")

    assert "No mail yet" in page.text
    assert (await sandbox.http.get(f"{mail_host(sandbox)}/mail.json")).json() == []


async def test_mail_and_money_have_hosts_of_their_own(sandbox: Any) -> None:
    mail_on_pay = await sandbox.http.get(f"{sandbox.url}/mail.json")
    journal_on_mail = await sandbox.http.get(f"{mail_host(sandbox)}/journal.json")

    assert (mail_on_pay.status_code, journal_on_mail.status_code) == (404, 404)
