"""A shop in which everything has happened once, with a canary in every text that is its own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from uuid import UUID

import asyncpg

from keystall.graphql.ids import encode, row_of
from keystall.platform import clock, database
from keystall.platform.ids import new_id
from keystall.platform.tokens import secret_hash
from keystall.tenants.audit.acting import Act, acting
from keystall.tenants.catalog.categories import category_create
from keystall.tenants.catalog.input import (
    BuyerFieldInput,
    CategoryInput,
    CategoryTranslation,
    ProductTranslation,
)
from keystall.tenants.checkout.carts import NewLine, cart_buyer_update, cart_create
from keystall.tenants.checkout.completion import cart_complete
from keystall.tenants.code_reports.service import Answer, Complaint, code_report, report_reject
from keystall.tenants.customers.passwords import password_set
from keystall.tenants.customers.sessions import Customer
from keystall.tenants.desk.forbidden_goods import forbidden_term_add
from keystall.tenants.identity.links import account_token
from keystall.tenants.identity.passkey_sign_in import passkey_attempt, passkey_sign_in
from keystall.tenants.identity.passkeys import passkeys_of
from keystall.tenants.identity.service import Viewer, Visitor, sign_in
from keystall.tenants.installation import Installation
from keystall.tenants.mails.wording import mail_text_update
from keystall.tenants.orders.service import cancel_order
from keystall.tenants.orders.tokens import order_token
from keystall.tenants.payments.accounts import (
    StripeKeys,
    payment_account_remove,
    stripe_connect,
)
from keystall.tenants.payments.application import apply_callback
from keystall.tenants.shops.input import ShopChanges, ShopTranslation
from keystall.tenants.shops.operating import shop_resume, shop_suspend
from keystall.tenants.shops.queries import shop_by_id
from keystall.tenants.shops.service import shop_update
from keystall.tenants.shops.shop import Shop
from keystall.tenants.shops.tokens import api_token_create, storefront_token_create
from keystall.tenants.staff.invitations import (
    invitation_accept,
    invitation_offer,
    invitation_to_mail,
    member_invite,
)
from keystall.tenants.stock.imports import codes_import
from keystall.tenants.stock.insertion import Batch, begin_batch
from keystall.tenants.stock.packs import ids_in
from keystall.tenants.stock.uploads import codes_upload
from keystall.tenants.trusted_documents.service import trusted_document_register
from keystall.tenants.webhooks.service import (
    Told,
    webhook_create,
    webhook_secret_rotate,
    webhook_test,
)
from keystall.tenants.writing import writing
from tests.authenticator import begun, with_app
from tests.customers import mailed_token, signed_in
from tests.factories import (
    PASSWORD,
    a_pack,
    a_picture,
    a_product,
    a_shop,
    a_variant_input,
    a_viewer,
    chunks_of,
    some_codes,
    the_variant,
)
from tests.isolation.asking import STRIPE_KEY
from tests.passkey_device import with_passkey


@dataclass
class Goods:
    """A shop, and what its ids and words are. `ids` by kind, `words` by the argument's name.

    `codes_file` is an uploaded file of codes, which nothing has imported yet; `packed` a code that
    rests in a pack; `placed` the arguments with which the waiting order was placed: sent again they
    answer it.
    """

    shop: Shop
    owner: Viewer
    canary: str
    ids: dict[str, str] = field(default_factory=dict)
    rows: dict[str, UUID] = field(default_factory=dict)
    words: dict[str, str] = field(default_factory=dict)
    orders: dict[str, str] = field(default_factory=dict)
    completed_cart: str = ""
    codes_file: str = ""
    placed: dict[str, str] = field(default_factory=dict)
    token: str = ""
    public: str = ""
    customer: Customer | None = None
    customer_secret: str = ""
    stocked: str = ""
    packed: str = ""

    def again(self) -> "Goods":
        """The same shop, for naming other things of it."""
        return replace(self, ids=dict(self.ids), rows=dict(self.rows), words=dict(self.words))

    def name(self, kind: str, row: UUID) -> None:
        self.rows[kind] = row
        self.ids[kind] = encode(kind, row)


async def a_full_shop(installation: Installation, canary: str) -> Goods:
    """A shop with one of everything: sold, refunded, waiting, imported, uploaded."""
    owner = await a_viewer(installation, email=f"{canary}-{new_id().hex}@keystall.test")
    goods = Goods(await a_shop(installation, owner, name=f"{canary} shop"), owner, canary)
    picture = await a_picture(installation, goods.shop)
    async with database.transaction(None) as tx:
        await tx.execute("select session_confirm($1)", owner.secret_hash)
    async with writing(installation, goods.shop.id) as tx:
        await tx.execute("update files set name = $1", f"{canary}.png")
        await tx.execute(
            "update shops set theme_settings = jsonb_build_object('accent', $1::text)", canary
        )
    goods.shop = await shop_update(
        installation,
        goods.shop.id,
        ShopChanges(
            logo_upload_id=picture.id, contact=f"{canary} contact", notice=f"{canary} notice",
            policies=f"{canary} policies", icp_number=f"{canary} icp", locales=["en", "zh-CN"],
            translations=[ShopTranslation("zh-CN", f"{canary} notice", f"{canary} policies")],
        ),
    )  # fmt: skip
    goods.name("Shop", goods.shop.id)
    goods.name("Upload", picture.id)
    goods.name("Session", owner.session_id)
    await a_colleagues_passkey(installation, goods)
    _, goods.token = await api_token_create(installation, goods.shop.id, f"{canary} token")
    await a_storefront_token(installation, goods)
    await a_member(installation, goods)
    await stock(installation, goods)
    for outcome, quantity in (("delivered", 1), ("refunding", 1), ("pending", 1)):
        await buy(installation, goods, outcome, quantity)
    await a_code_report(installation, goods)
    await report_reject(
        installation, goods.shop.id, goods.rows["CodeReport"],
        answer=Answer("merchant", str(new_id()), canary),
    )  # fmt: skip
    await mail_text_update(
        installation, goods.shop.id, "order_delivered", "zh-CN", {"note": f"{canary} note"}
    )
    await a_webhook(installation, goods)
    kept = await trusted_document_register(
        installation, goods.shop.id, f"query Canary {{ shop {{ name }} }} # {canary}",
        name=f"{canary} document", cost=1,
    )  # fmt: skip
    goods.name("TrustedDocument", kept.id)
    await a_customer(installation, goods)
    await a_cart(installation, goods, quantity=10)  # more than there are
    await _end(installation, goods)
    await _find(installation, goods)
    await a_forbidden_term(installation, goods)
    with acting(Act("account", owner.account_id, owner.email, "shopUpdate", "shop")):
        for contact in (f"{canary} before", f"{canary} contact"):
            await shop_update(installation, goods.shop.id, ShopChanges(contact=contact))
    return goods


async def a_storefront_token(installation: Installation, goods: Goods) -> None:
    """Names a public token of a site's."""
    shop, canary = goods.shop.id, goods.canary
    sites = [f"https://{canary}.example.com"]
    made = await storefront_token_create(installation, shop, f"{canary} site", sites)
    goods.public = made.public_text
    goods.name("ApiToken", made.id)


async def a_webhook(installation: Installation, goods: Goods) -> None:
    """A webhook of a program's whose receiver took nothing, told once, and its secret changed."""
    shop, canary = goods.shop.id, goods.canary
    async with writing(installation, shop) as tx:
        token = await tx.value("select id from api_tokens where public_text is null limit 1")
    webhook, _ = await webhook_create(
        installation, shop, url=f"https://{canary}.example.com/hook", events=["order.paid"],
        told=Told(f"query($id: ID!) {{ {canary}: order(id: $id) {{ number }} }}", frozenset()),
        token=token,
    )  # fmt: skip
    await webhook_secret_rotate(installation, shop, webhook, token=token)
    goods.name("Webhook", webhook)
    goods.name("WebhookDelivery", await webhook_test(installation, shop, webhook))
    async with writing(installation, shop) as tx:
        await tx.execute(
            "update webhook_deliveries set state = 'failed', attempts = 1, next_at = now(),"
            " finished_at = now(), problem = $1, body = $1",
            canary,
        )
        await tx.execute(
            "insert into webhook_tries"
            " (shop_id, id, delivery_id, milliseconds, status, response, problem)"
            " values ($1, $2, $3, 1, 500, $4, $4)",
            shop, new_id(), goods.rows["WebhookDelivery"], canary,
        )  # fmt: skip
        await tx.execute(
            "update webhooks set failing_since = now(), disabled_at = now(),"
            " disabled_reason = 'failing'"
        )


async def a_customer(installation: Installation, goods: Goods) -> None:
    """The shop's buyer, signed in, with another link in the mailbox; and one with a password."""
    guest, _ = await signed_in(installation, goods.shop, "buyer@keystall.test")
    if not guest.has_password:
        await password_set(installation, goods.shop.id, guest, "", PASSWORD)
    email = f"{goods.canary}@keystall.test"
    goods.customer, goods.customer_secret = await signed_in(installation, goods.shop, email)
    async with writing(installation, goods.shop.id) as tx:
        await tx.execute(
            "insert into customer_flows"
            " (shop_id, id, provider, host, locale, browser_hash, expires_at)"
            " values ($1, $2, 'qq', $3, 'en', '', now())",
            goods.shop.id, new_id(), goods.canary,
        )  # fmt: skip
    goods.words["customer link"] = await mailed_token(installation, goods.shop, email)


async def a_stripe_account(installation: Installation, goods: Goods) -> str:
    """The id of the shop's Stripe account, which is connected if it was not."""
    async with database.transaction(goods.shop.id) as tx:
        row = await tx.value(
            "select id from payment_accounts where provider = 'stripe' and removed_at is null"
        )
    if row is None:
        row = await stripe_connect(installation, goods.shop, StripeKeys(STRIPE_KEY))
    return encode("PaymentMethod", row)


async def no_stripe_account(installation: Installation, goods: Goods) -> None:
    """The shop has none afterwards."""
    account = await a_stripe_account(installation, goods)
    await payment_account_remove(installation, goods.shop.id, row_of("PaymentMethod", account))


async def stock(installation: Installation, goods: Goods) -> None:
    """A category and a product in it, with codes, a file of codes and an import of some."""
    shop, canary = goods.shop, goods.canary
    shelf = await category_create(
        installation, shop,
        CategoryInput(f"{canary} shelf", translations=[CategoryTranslation("zh-CN", canary)]),
    )  # fmt: skip
    product = await a_product(
        installation, shop, f"{canary} product", description=f"{canary} description",
        category_id=shelf.id, upload_ids=[goods.rows["Upload"]],
        variants=[a_variant_input(f"{canary} variant", CNY="9.90")],
        buyer_fields=[
            BuyerFieldInput("account", f"{canary} label", placeholder=f"{canary} example"),
            BuyerFieldInput("side", f"{canary} side", kind="select", options=[f"{canary} a", "b"]),
        ],
        translations=[ProductTranslation("zh-CN", f"{canary} name", f"{canary} text")],
    )  # fmt: skip
    variant = (await the_variant(shop, product)).id
    codes = [f"{canary}-{n}-{new_id()}" for n in range(8)]
    await some_codes(installation, shop, variant, codes)
    goods.stocked = codes[-1]
    upload = await codes_upload(
        installation, shop.id, f"{canary}.txt", chunks_of(f"{canary}-file\n".encode())
    )
    job = await codes_import(
        installation, shop.id, variant, upload_id=upload.id, idempotency_key=str(new_id())
    )
    async with writing(installation, shop.id) as tx:
        batch = await tx.value("select batch_id from codes where variant_id = $1 limit 1", variant)
        # As its worker would, before the first code.
        await begin_batch(
            tx, shop.id,
            Batch(job, variant, "upload", f"{canary} supplier", f"{canary} note", 800, "CNY",
                  clock.now()),
        )  # fmt: skip
        await tx.execute(
            "update codes set note = $2, preview = $2, premium = 1, cost = 1,"
            " expires_at = now() + interval '1 year' where variant_id = $1",
            variant, f"{canary} note",
        )  # fmt: skip
    goods.name("Batch", batch)
    pack = await a_pack(installation, shop, variant, [f"{canary}-{new_id()}" for _ in range(3)])
    goods.packed = encode("Code", ids_in(pack, 3)[1])
    unused = await codes_upload(
        installation, shop.id, f"{canary}.txt", chunks_of(f"{canary}-{new_id()}\n".encode())
    )
    goods.codes_file = encode("Upload", unused.id)
    goods.words |= {"slug": product.slug, "categorySlug": shelf.slug, "query": canary}
    goods.name("Category", shelf.id)
    goods.name("Product", product.id)
    goods.name("Variant", variant)
    goods.name("Job", job)


async def a_cart(installation: Installation, goods: Goods, quantity: int = 1) -> UUID:
    """An open cart with one line, its buyer known."""
    cart = await cart_create(
        installation, goods.shop, [NewLine(goods.rows["Variant"], quantity)],
        currency="CNY", locale="en",
    )  # fmt: skip
    answers = {"account": f"{goods.canary} answer", "side": f"{goods.canary} a"}
    await cart_buyer_update(
        installation, goods.shop, cart,
        email=f"{goods.canary}@keystall.test", locale=None, answers=answers,
    )  # fmt: skip
    async with writing(installation, goods.shop.id) as tx:
        goods.name("CartLine", await tx.value("select id from cart_lines where cart_id = $1", cart))
    goods.name("Cart", cart)
    return cart


async def buy(installation: Installation, goods: Goods, outcome: str, quantity: int) -> None:
    """An order: paid and delivered, paid wrongly and going back, or waiting for payment."""
    cart = await a_cart(installation, goods, quantity)
    async with writing(installation, goods.shop.id) as tx:
        # Open, whatever was closed before.
        account = await tx.value(
            "update payment_accounts set enabled = true where provider = 'sandbox' returning id"
        )
    goods.name("PaymentMethod", account)
    key = str(new_id())
    order = await cart_complete(
        installation, goods.shop, cart, payment_account_id=account, idempotency_key=key
    )
    goods.name("Order", order)
    goods.completed_cart = encode("Cart", cart)
    goods.placed = {
        "cartId": goods.completed_cart, "paymentMethod": goods.ids["PaymentMethod"],
        "idempotencyKey": key,
    }  # fmt: skip
    goods.orders[outcome] = goods.ids["Order"]
    goods.words[f"{outcome} token"] = order_token(installation.keys, goods.shop.id, order)
    if outcome == "pending":
        async with writing(installation, goods.shop.id) as tx:
            await tx.execute(
                "update payments set redirect_url = $2 where order_id = $1",
                order, f"https://pay.test/{goods.canary}",
            )  # fmt: skip
        return
    await _pay(installation, goods, order, 990 * quantity if outcome == "delivered" else 1)


async def _pay(installation: Installation, goods: Goods, order: UUID, amount: int) -> None:
    inbox, item = new_id(), new_id()
    async with writing(installation, goods.shop.id) as tx:
        payment = await tx.value("select id from payments where order_id = $1", order)
        notice = {
            "event_key": str(inbox), "kind": "payment.succeeded", "reference": str(payment),
            "provider_reference": f"{goods.canary}-{order}", "amount": amount, "currency": "CNY",
            "fee": 0, "merchant_id": str(goods.rows["PaymentMethod"]),
        }  # fmt: skip
        await tx.execute(
            "insert into inbox (shop_id, id, account_id, event_key, body, notice)"
            " values ($1, $2, $3, $4, '', $5)",
            goods.shop.id, inbox, goods.rows["PaymentMethod"], str(inbox), notice,
        )  # fmt: skip
        await tx.execute(
            "insert into outbox (shop_id, id, kind, subject_id, due_at)"
            " values ($1, $2, 'payment.apply', $3, $4)",
            goods.shop.id, item, inbox, clock.now() + timedelta(days=1),
        )  # fmt: skip
    await apply_callback(installation, goods.shop.id, item)


async def _end(installation: Installation, goods: Goods) -> None:
    """Brings to its end what would take a worker, and dates what has an end."""
    work = new_id()
    goods.name("FailedWork", work)
    async with writing(installation, goods.shop.id) as tx:
        for item, attempts, ended in (
            (work, 25, clock.now()), (new_id(), 5, None), (new_id(), 5, None),
        ):  # fmt: skip
            await tx.execute(
                "insert into outbox"
                " (shop_id, id, kind, subject_id, due_at, attempts, failed_at, problem)"
                " values ($1, $2, 'mail.order_link', $2, $3, $4, $5, $6)",
                goods.shop.id, item, clock.now() + timedelta(days=1), attempts, ended,
                f"{goods.canary} problem",
            )  # fmt: skip
        await tx.execute(
            "update jobs set state = 'done', done = 1, total = 1, finished_at = now(),"
            ' result = \'{"added": 1, "bad": 0, "problem": "TOO_MANY"}\','
            " input = input || '{\"dry_run\": true}'"
        )
        await tx.execute("update batches set undone_at = now() where supplier <> ''")
        await tx.execute(
            "update api_tokens set expires_at = now() + interval '1 day', made_by = $1,"
            " last_used_at = now(), last_address = $2",
            goods.owner.account_id, goods.canary,
        )  # fmt: skip
        await tx.execute(
            "insert into api_token_uses (shop_id, token_id, day, deprecated, requests, refused,"
            " cost) select shop_id, id, date_trunc('day', now()), part, 3, 1, 9"
            " from api_tokens cross join unnest(array['', $1::text]) as part",
            goods.canary,
        )  # fmt: skip
        await tx.execute("update payments set provider_reference = $1", goods.canary)
        for status, closed in (("needs_response", None), ("lost", clock.now())):
            await tx.execute(
                """
                insert into disputes (shop_id, id, order_id, taking_id, account_id,
                  provider_reference, status, reason, amount, currency, opened_at, due_at,
                  closed_at, asked_at)
                select shop_id, $1, order_id, id, account_id, $2, $2, $3, amount, currency, now(),
                  now(), $4, now() from takings where state = 'delivered' limit 1
                """,
                new_id(), status, goods.canary, closed,
            )  # fmt: skip
        await tx.execute("update refunds set note = $1, problem = $1", goods.canary)


async def suspend(installation: Installation, goods: Goods) -> None:
    """The operator closes the shop, and says why."""
    operator = await a_viewer(installation, operator=True)
    await shop_suspend(installation, operator, goods.shop.id, reason=f"{goods.canary} reason")
    await _look_again(goods)


async def resume(installation: Installation, goods: Goods) -> None:
    """The operator lets it go on."""
    operator = await a_viewer(installation, operator=True)
    await shop_resume(installation, operator, goods.shop.id)
    await _look_again(goods)


async def _look_again(goods: Goods) -> None:
    async with database.transaction(goods.shop.id) as tx:
        found = await shop_by_id(tx, goods.shop.id)
    assert found is not None
    goods.shop = found


async def a_forbidden_term(installation: Installation, goods: Goods) -> None:
    """Names a term of the installation's list, found in the shop's product; and says why an older
    listing was stopped."""
    operator = await a_viewer(installation, operator=True)
    term = await forbidden_term_add(
        installation, operator, term=f"{goods.canary} {new_id().hex}", reason=f"{goods.canary} why"
    )
    async with writing(installation, goods.shop.id) as tx:
        await tx.execute(
            "insert into forbidden_findings (shop_id, id, product_id, term_id, field)"
            " values ($1, $2, $3, $4, 'name')",
            goods.shop.id, new_id(), goods.rows["Product"], term,
        )  # fmt: skip
        await tx.execute("update products set stopped_reason = $1", f"{goods.canary} stopped")
    goods.name("ForbiddenTerm", term)


async def a_lone_order(installation: Installation, goods: Goods) -> None:
    """Names a delivered order of a buyer who has no other, and so none in flight."""
    await a_sold_code(installation, goods)
    async with writing(installation, goods.shop.id) as tx:
        await tx.execute(
            "update orders set email = $2 where id = $1",
            goods.rows["Order"], f"{new_id().hex}@keystall.test",
        )  # fmt: skip


async def a_due_refund(installation: Installation, goods: Goods) -> None:
    """Names a refund that waits for the merchant's hand, of an order that waits no more."""
    await buy(installation, goods, "due", 1)
    order = goods.rows["Order"]
    await cancel_order(installation, goods.shop.id, order)
    async with writing(installation, goods.shop.id) as tx:
        refund = await tx.value(
            "update refunds set state = 'due', note = $2, problem = $2 where order_id = $1"
            " returning id",
            order, goods.canary,
        )  # fmt: skip
    goods.name("Refund", refund)


async def a_code_report(installation: Installation, goods: Goods) -> None:
    """Names a code that was sold, its order's token, and the report that it does not work."""
    await a_sold_code(installation, goods)
    report = await code_report(
        installation, goods.shop.id, goods.rows["Order"], goods.rows["Code"],
        Complaint("used", goods.canary),
    )  # fmt: skip
    goods.name("CodeReport", report)


async def a_sold_code(installation: Installation, goods: Goods) -> None:
    """Names the code of a new delivered order."""
    placed, completed = goods.placed, goods.completed_cart
    await buy(installation, goods, "delivered", 1)
    goods.placed, goods.completed_cart = placed, completed
    async with writing(installation, goods.shop.id) as tx:
        code = await tx.value(
            "select codes.id from codes join order_lines on order_lines.id = order_line_id"
            " where order_id = $1",
            goods.rows["Order"],
        )
    goods.name("Code", code)


async def an_invitation(installation: Installation, goods: Goods) -> str:
    """Names somebody who was invited; answers the secret of the mailed link."""
    email = f"{goods.canary}-{new_id().hex}@keystall.test"
    invited = await member_invite(
        installation, goods.shop.id, goods.owner, email, "support", locale="en"
    )
    goods.name("Invitation", invited.id)
    async with database.transaction(goods.shop.id) as tx:
        mail = await invitation_to_mail(tx, installation, goods.shop.id, invited.id)
    assert mail is not None
    return mail.token


async def a_member(installation: Installation, goods: Goods) -> Viewer:
    """Names somebody who supports the shop's buyers."""
    token = await an_invitation(installation, goods)
    async with database.transaction(goods.shop.id) as tx:
        offer = await invitation_offer(tx, token)
    assert offer is not None
    person = await a_viewer(installation, email=offer.email)
    await invitation_accept(installation, person, token)
    goods.name("Member", person.account_id)
    await an_invitation(installation, goods)
    return person


async def an_account_link(installation: Installation, goods: Goods) -> str:
    """The secret of a link mailed to the shop's owner."""
    link = new_id()
    secret = account_token(installation.keys, link)
    async with database.transaction(None) as tx:
        await tx.execute(
            "select account_token_create($1, $2, $3, 'reset', now() + interval '1 hour')",
            secret_hash(secret), link, goods.owner.account_id,
        )  # fmt: skip
    return secret


@asynccontextmanager
async def an_app(
    installation: Installation, goods: Goods, *, switched_on: bool
) -> AsyncIterator[None]:
    """While it lasts, the shop's owner signs in by codes, or is setting that up."""
    await (with_app if switched_on else begun)(installation, goods.owner)
    yield
    await _no_app(installation, goods)


async def a_colleagues_passkey(installation: Installation, goods: Goods) -> None:
    """Names a passkey. The owner herself has none for long, or she could not sign in again."""
    person = await a_viewer(
        installation, email=f"{goods.canary}-passkey-{new_id().hex}@keystall.test"
    )
    await with_passkey(installation, person, f"{goods.canary} key")
    async with database.transaction(None) as tx:
        (passkey,) = await passkeys_of(tx, person)
    goods.name("Passkey", passkey.id)


@asynccontextmanager
async def a_passkey(installation: Installation, goods: Goods) -> AsyncIterator[None]:
    """While it lasts, the shop's owner has a passkey that she has signed in by."""
    device = await with_passkey(installation, goods.owner, f"{goods.canary} phone")
    attempt = await passkey_attempt(installation)
    answer = device.use(attempt.options)
    await passkey_sign_in(installation, attempt.secret, answer, visitor=Visitor())
    yield
    connection = await asyncpg.connect(installation.settings.owner_database_url)
    await connection.execute("delete from passkeys where account_id = $1", goods.owner.account_id)
    await connection.close()


async def a_second_step(installation: Installation, goods: Goods) -> str:
    """What a browser holds in which the owner's password was right: somebody else's account by
    that address takes codes. The owner herself takes none, or she could not sign in again."""
    email = f"{goods.canary}-step-{new_id().hex}@keystall.test"
    person = await a_viewer(installation, email=email)
    await with_app(installation, person)
    step = await sign_in(installation, email, PASSWORD, visitor=Visitor())
    return step.secret


async def _no_app(installation: Installation, goods: Goods) -> None:
    connection = await asyncpg.connect(installation.settings.owner_database_url)
    await connection.execute(
        "delete from totp_secrets where account_id = $1", goods.owner.account_id
    )
    await connection.close()


async def fresh_code(installation: Installation, goods: Goods) -> None:
    """Names a code that nobody has."""
    async with writing(installation, goods.shop.id) as tx:
        code = await tx.value(
            "select id from codes where state = 'available' and variant_id = $1 limit 1",
            goods.rows["Variant"],
        )
    goods.name("Code", code)


async def _find(installation: Installation, goods: Goods) -> None:
    """Names what came about on the way."""
    async with writing(installation, goods.shop.id) as tx:
        for kind, sql in {
            "Code": "select id from codes where state = 'available' order by id limit 1",
            "OrderLine": "select id from order_lines limit 1",
            "ApiToken": "select id from api_tokens where public_text is null limit 1",
            "Payment": "select id from payments limit 1",
            "Refund": "select id from refunds limit 1",
        }.items():
            goods.name(kind, await tx.value(sql))


async def fingerprint(superuser_url: str, shop: UUID) -> dict[str, str]:
    """A hash of all rows of a shop, by table, whatever tables there are."""
    connection = await asyncpg.connect(superuser_url)
    try:
        names = await connection.fetch(
            "select c.relname as name, case c.relname when 'shops' then 'id' else 'shop_id' end"
            " as shop from pg_class c where relnamespace = 'public'::regnamespace and relkind = 'r'"
            " and (relname = 'shops' or exists (select from pg_attribute where attrelid = c.oid"
            " and attname = 'shop_id'))"
        )
        sql = " union all ".join(
            f"select '{row['name']}', md5(coalesce(string_agg(t::text, '|' order by t::text), ''))"
            f' from "{row["name"]}" t where "{row["shop"]}" = $1'
            for row in names
        )
        return {row[0]: row[1] for row in await connection.fetch(sql, shop)}
    finally:
        await connection.close()
