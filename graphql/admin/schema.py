"""What a merchant reads and does."""

import asyncio
from typing import Annotated

import strawberry

from keystall.graphql.admin import home
from keystall.graphql.admin.accounts import AccountMutation
from keystall.graphql.admin.activity import (
    ActivityEntry,
    ActivityKind,
    Actor,
    activity,
    activity_actors,
)
from keystall.graphql.admin.api_tokens import (
    ApiToken,
    ApiTokenMutation,
    api_token_of,
    api_tokens,
)
from keystall.graphql.admin.batches import BatchMutation
from keystall.graphql.admin.catalog import (
    Category,
    Product,
    ProductSort,
    ProductStatus,
    Variant,
    categories_connection,
    product,
)
from keystall.graphql.admin.categories import CategoryMutation
from keystall.graphql.admin.code_import import CodeMutation
from keystall.graphql.admin.code_reports import (
    CodeReport,
    CodeReportMutation,
    code_reports_connection,
)
from keystall.graphql.admin.code_reveal import RevealMutation
from keystall.graphql.admin.home import Checklist, ChecklistMutation, Dashboard
from keystall.graphql.admin.jobs import Job, JobMutation, JobSubscription, job_of
from keystall.graphql.admin.joining import InvitationLink, InvitationMutation, invitation_link
from keystall.graphql.admin.mail_texts import (
    MailLetter,
    MailText,
    MailTextMutation,
    mail_text,
    mail_texts,
)
from keystall.graphql.admin.nodes import category_of, node_of, order_of, product_of, variant_of
from keystall.graphql.admin.orders import (
    Order,
    OrderMutation,
    Refund,
    orders_connection,
    refunds_connection,
)
from keystall.graphql.admin.passkeys import PasskeyMutation
from keystall.graphql.admin.payment_methods import PaymentMethodMutation
from keystall.graphql.admin.products import ProductMutation
from keystall.graphql.admin.refunds import RefundMutation
from keystall.graphql.admin.second_step import SecondStep, SecondStepMutation, second_step
from keystall.graphql.admin.selling import SellingMutation
from keystall.graphql.admin.sessions import SessionMutation
from keystall.graphql.admin.shop import Shop, ShopMutation, shop
from keystall.graphql.admin.staff import (
    Invitation,
    Member,
    StaffMutation,
    invitations,
    members,
)
from keystall.graphql.admin.staged_uploads import StagedUploadMutation
from keystall.graphql.admin.trusted_documents import (
    TrustedDocument,
    TrustedDocumentMutation,
    trusted_documents,
)
from keystall.graphql.admin.viewer import Viewer, viewer
from keystall.graphql.admin.webhook_changes import WebhookMutation
from keystall.graphql.admin.webhook_events import WebhookSample, samples
from keystall.graphql.admin.webhooks import (
    Webhook,
    WebhookDelivery,
    WebhookDeliveryState,
    deliveries_connection,
    delivery_of,
    webhook_of,
    webhooks,
)
from keystall.graphql.code_reports import CodeReportStatus
from keystall.graphql.context import Info
from keystall.graphql.deeds import ADMIN, recorded
from keystall.graphql.describing import (
    about,
    described,
    list_resolver,
    object_type,
    resolver,
)
from keystall.graphql.errors import bad_input
from keystall.graphql.ids import encode, row_of
from keystall.graphql.nouns import Id, Ids, Node, OrderStatus, RefundStatus, checked_ids
from keystall.graphql.permissions import guarded
from keystall.graphql.products import products_connection
from keystall.graphql.relay import After, Connection, First
from keystall.graphql.schema import KeystallSchema
from keystall.graphql.webhook_documents import judging
from keystall.platform.markdown import render_markdown
from keystall.tenants.catalog import input as asked
from keystall.tenants.catalog.lists import ProductFilter
from keystall.tenants.files.queries import file_by_id
from keystall.tenants.identity.links import account_link

_ON_SHELF: tuple[asked.ProductStatus, ...] = ("draft", "active")


@object_type
class Upload:
    """A file that was sent and waits to be used."""

    id: strawberry.ID = described("Opaque id, to hand to `uploadIds` or `uploadId`.")
    filename: str = described("The file's name as it was sent.")
    size: int = described("The file's size in bytes.")


@object_type
class AccountLink:
    """What a mailed link is for."""

    email: str = described("Whose account it is for.")
    purpose: str = described("What it does: confirm or reset.")


@object_type
class Query:
    """What can be read of the shop that the request is bound to."""

    @resolver
    def viewer(self, info: Info) -> Viewer | None:
        """Who asks; null for nobody known."""
        return viewer(info.context)

    @resolver
    async def account_link(
        self, info: Info, token: Annotated[str, about("The token in the link.")]
    ) -> AccountLink | None:
        """The account behind the token of a mailed link; null where the link was used, is too old
        or never was one."""
        found = await account_link(info.context.reader, token)
        return AccountLink(email=found.email, purpose=found.purpose) if found else None

    @resolver
    async def invitation_link(
        self, info: Info, token: Annotated[str, about("The token in the link.")]
    ) -> InvitationLink | None:
        """What the token of a mailed invitation offers; null where it was used or withdrawn, is too
        old or never was one."""
        return await invitation_link(info.context, token)

    @resolver
    async def second_step(
        self,
        info: Info,
        step: Annotated[
            str | None, about("What the browser holds since the password was right.")
        ] = None,
    ) -> SecondStep | None:
        """The sign-in that waits for its second step; null where it is over or never was."""
        return await second_step(info.context, step)

    @resolver
    def shop(self, info: Info) -> Shop | None:
        """The shop the request is bound to, by its token or its page; null for a person outside of
        any shop."""
        facts = info.context.shop
        return shop(info.context, facts) if facts else None

    @resolver
    async def checklist(self, info: Info) -> Checklist:
        """What is left to do until a first sale."""
        return await home.checklist(info.context)

    @resolver
    async def dashboard(self, info: Info) -> Dashboard:
        """How the shop is doing."""
        return await home.dashboard(info.context)

    @resolver
    async def products(
        self,
        info: Info,
        first: First = 20,
        after: After = None,
        query: Annotated[
            str | None, about("Only those whose name or description has these words.")
        ] = None,
        status: Annotated[ProductStatus | None, about("Only those in this state.")] = None,
        category_id: Annotated[strawberry.ID | None, about("Only those on this shelf.")] = None,
        sort: Annotated[ProductSort | None, about("The order of the list.")] = (
            ProductSort.FEATURED
        ),
    ) -> Connection[Product]:
        """The shop's products, drafts included; archived ones only where asked for."""
        wanted = ProductFilter(
            statuses=(status.value,) if status else _ON_SHELF,
            sort=(sort or ProductSort.FEATURED).value,
            category_id=row_of("Category", category_id) if category_id else None,
            query=query or None,
        )
        return await products_connection(
            info.context, wanted, first, after, node=product, kind=Product, needs=info.needs
        )

    @resolver
    async def product(
        self, info: Info, id: Annotated[strawberry.ID, about("The product.")]
    ) -> Product | None:
        """One product by its id."""
        return await product_of(info.context, row_of("Product", id))

    @resolver
    async def variant(
        self, info: Info, id: Annotated[strawberry.ID, about("The variant.")]
    ) -> Variant | None:
        """One variant by its id."""
        return await variant_of(info.context, row_of("Variant", id))

    @resolver
    async def categories(
        self, info: Info, first: First = 20, after: After = None
    ) -> Connection[Category]:
        """The shop's shelves, in order."""
        return await categories_connection(info.context, first, after=after, needs=info.needs)

    @resolver
    async def category(
        self, info: Info, id: Annotated[strawberry.ID, about("The category.")]
    ) -> Category | None:
        """One shelf by its id."""
        return await category_of(info.context, row_of("Category", id))

    @resolver
    async def orders(
        self,
        info: Info,
        first: First = 20,
        after: After = None,
        query: Annotated[
            str | None,
            about("Only those with this order number, or whose buyer's address begins so."),
        ] = None,
        status: Annotated[OrderStatus | None, about("Only those in this state.")] = None,
    ) -> Connection[Order]:
        """Orders, newest first."""
        return await orders_connection(
            info.context, first, after=after, query=query, status=status, needs=info.needs
        )

    @resolver
    async def order(
        self, info: Info, id: Annotated[strawberry.ID, about("The order.")]
    ) -> Order | None:
        """One order by its id."""
        return await order_of(info.context, row_of("Order", id))

    @resolver
    async def refunds(
        self,
        info: Info,
        first: First = 20,
        after: After = None,
        status: Annotated[RefundStatus | None, about("Only those in this state.")] = None,
        bought_nothing: Annotated[
            bool | None,
            about("True: only those of payments that bought nothing; false: only the others."),
        ] = None,
    ) -> Connection[Refund]:
        """Refunds, newest first."""
        return await refunds_connection(
            info.context,
            first,
            after=after,
            status=status,
            bought_nothing=bought_nothing,
            needs=info.needs,
        )

    @resolver
    async def code_reports(
        self,
        info: Info,
        first: First = 20,
        after: After = None,
        status: Annotated[CodeReportStatus | None, about("Only those in this state.")] = None,
    ) -> Connection[CodeReport]:
        """Buyers' reports of bad codes, newest first."""
        return await code_reports_connection(
            info.context, first, after=after, status=status, needs=info.needs
        )

    @resolver
    async def job(self, info: Info, id: Annotated[strawberry.ID, about("The job.")]) -> Job | None:
        """One job by its id."""
        return await job_of(info.context, row_of("Job", id))

    @resolver
    async def upload(
        self, info: Info, id: Annotated[strawberry.ID, about("The upload.")]
    ) -> Upload | None:
        """One upload of this shop by its id."""
        context = info.context
        found = await file_by_id(context.reader, context.require_shop().id, row_of("Upload", id))
        if found is None:
            return None
        return Upload(id=encode("Upload", found.id), filename=found.name, size=found.size)

    @resolver
    async def api_token(
        self, info: Info, id: Annotated[strawberry.ID, about("The token.")]
    ) -> ApiToken | None:
        """A live API token by its id."""
        return await api_token_of(info.context, row_of("ApiToken", id))

    @list_resolver(assumed=5)
    async def api_tokens(self, info: Info) -> list[ApiToken]:
        """The shop's API tokens, newest first."""
        return await api_tokens(info.context, info.needs)

    @list_resolver(assumed=5)
    async def webhooks(self, info: Info) -> list[Webhook]:
        """The shop's webhooks, newest first."""
        return await webhooks(info.context, info.needs)

    @resolver
    async def webhook(
        self, info: Info, id: Annotated[strawberry.ID, about("The webhook.")]
    ) -> Webhook | None:
        """One webhook by its id."""
        return await webhook_of(info.context, row_of("Webhook", id))

    @list_resolver(assumed=5)
    def webhook_samples(self) -> list[WebhookSample]:
        """What webhooks can be told of, and documents to begin with."""
        return samples()

    @resolver
    async def webhook_deliveries(
        self,
        info: Info,
        webhook_id: Annotated[strawberry.ID, about("Whose deliveries.")],
        first: First = 20,
        after: After = None,
        state: Annotated[WebhookDeliveryState | None, about("Only those in this state.")] = None,
    ) -> Connection[WebhookDelivery]:
        """What a webhook was told, newest first."""
        row = row_of("Webhook", webhook_id)
        return await deliveries_connection(
            info.context, row, first, after=after, state=state, needs=info.needs
        )

    @resolver
    async def webhook_delivery(
        self, info: Info, id: Annotated[strawberry.ID, about("The delivery.")]
    ) -> WebhookDelivery | None:
        """One delivery by its id."""
        return await delivery_of(info.context, row_of("WebhookDelivery", id))

    @list_resolver(assumed=10)
    async def members(self, info: Info) -> list[Member]:
        """Who works for the shop, owners first."""
        return await members(info.context)

    @list_resolver(assumed=5)
    async def invitations(self, info: Info) -> list[Invitation]:
        """Who was invited to work for the shop and has not come yet, newest first."""
        return await invitations(info.context)

    @resolver
    async def activity(
        self,
        info: Info,
        first: First = 20,
        after: After = None,
        actor: Annotated[
            str | None, about("Only deeds of this one: the `key` of an actor.")
        ] = None,
        kind: Annotated[ActivityKind | None, about("Only deeds about this kind of thing.")] = None,
    ) -> Connection[ActivityEntry]:
        """Who did what in the shop, newest first."""
        return await activity(
            info.context, first, after=after, actor=actor, kind=kind, needs=info.needs
        )

    @list_resolver(assumed=10)
    async def activity_actors(self, info: Info) -> list[Actor]:
        """Who did the latest thousand deeds, by name."""
        return await activity_actors(info.context)

    @resolver
    async def trusted_documents(
        self, info: Info, first: First = 20, after: After = None
    ) -> Connection[TrustedDocument]:
        """The documents that the shop vouches for, newest first. Those of its own pages are trusted
        besides."""
        return await trusted_documents(info.context, first, after, info.needs)

    @list_resolver(assumed=20)
    async def mail_texts(self, info: Info) -> list[MailText]:
        """The words of all letters to buyers, in every language."""
        return await mail_texts(info.context)

    @resolver
    async def mail_text(
        self,
        info: Info,
        letter: Annotated[MailLetter, about("Which kind of mail to buyers.")],
        locale: Annotated[str, about("The language.")],
    ) -> MailText | None:
        """The words of one letter; null for a language that the product does not speak."""
        return await mail_text(info.context, letter, locale)

    @resolver
    def description_preview(
        self, markdown: Annotated[str, about("The description, as Markdown.")]
    ) -> str:
        """A description as buyers will see it, as safe HTML."""
        if len(markdown) > 20_000:
            raise bad_input("`markdown` may have 20,000 characters at most.")
        return render_markdown(markdown)

    @resolver
    async def node(self, info: Info, id: Id) -> Node | None:
        """Anything of this shop by its id; null where there is none."""
        return await node_of(info.context, id)

    @list_resolver(counted_by="ids")
    async def nodes(self, info: Info, ids: Ids) -> list[Node | None]:
        """Several at once, in the order asked for, null where there is none; 100 at most."""
        return await asyncio.gather(*(node_of(info.context, one) for one in checked_ids(ids)))


@object_type
class Mutation(
    AccountMutation,
    SessionMutation,
    SecondStepMutation,
    PasskeyMutation,
    ShopMutation,
    ApiTokenMutation,
    ChecklistMutation,
    ProductMutation,
    CategoryMutation,
    CodeMutation,
    RevealMutation,
    BatchMutation,
    SellingMutation,
    JobMutation,
    OrderMutation,
    PaymentMethodMutation,
    RefundMutation,
    CodeReportMutation,
    StaffMutation,
    InvitationMutation,
    MailTextMutation,
    WebhookMutation,
    TrustedDocumentMutation,
    StagedUploadMutation,
):
    """What a merchant can do."""


@object_type
class Subscription(JobSubscription):
    """What a merchant can follow. Each answer is read when something has changed, and once at the
    start; one that is the same as the last is not sent."""


schema = judging(
    guarded(recorded(KeystallSchema(Query, Mutation, Subscription, suggestions=False), ADMIN))
)
