"""Finding an order again without its link: by email and number, and then by that mailbox alone.

Whoever asks is told the same at the same cost whether there is such an order or not: one row is
sought by its number, one row is written. Only the worker that mails knows the difference.
"""

from uuid import UUID

from keystall.platform.ids import new_id
from keystall.tenants.errors import Refused, UserError
from keystall.tenants.identity.email import email_problem, normalised_email
from keystall.tenants.installation import Installation
from keystall.tenants.orders.numbers import order_number
from keystall.tenants.writing import writing


async def send_order_link(installation: Installation, shop: UUID, email: str, number: str) -> None:
    """Mails the link of the order with `number` to its buyer, if `email` is where it belongs.

    Refuses EMAIL_INVALID and INVALID for what can be neither.
    """
    address, wanted = normalised_email(email), order_number(number)
    problems = {
        "email": email_problem(address),
        "number": None if wanted else ("INVALID" if number.strip() else "REQUIRED"),
    }
    errors = [UserError(code, (field,)) for field, code in problems.items() if code is not None]
    if errors:
        raise Refused(*errors)
    async with writing(installation, shop) as tx:
        found = await tx.value(
            "select id from orders where shop_id = $1 and number = $2 and email = $3",
            shop, wanted, address,
        )  # fmt: skip
        # Work about no order does nothing: it is there so that a miss costs what a hit does.
        await tx.post("mail.order_link", found or new_id())
