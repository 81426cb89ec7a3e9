"""What webhooks can be told of, and what each event's id names."""

from enum import Enum

from keystall.graphql.describing import described, enum_type, object_type, value
from keystall.tenants.webhooks.events import EVENTS, Subject, subject_of


@enum_type
class WebhookEvent(Enum):
    """Something that happens in a shop, and what `$id` names in the document that tells it."""

    ORDER_PLACED = value(
        "order.placed", "An order was placed, and waits for its payment. The id is the order's."
    )
    ORDER_PAID = value(
        "order.paid", "The payment of an order has arrived, and buys it. The id is the order's."
    )
    ORDER_DELIVERED = value(
        "order.delivered", "An order was delivered to its buyer. The id is the order's."
    )
    ORDER_EXPIRED = value(
        "order.expired", "An order was not paid in time, its goods are free. The id is the order's."
    )
    ORDER_CANCELED = value("order.canceled", "An unpaid order was canceled. The id is the order's.")
    ORDER_REFUNDED = value(
        "order.refunded",
        "An order whose payment could buy nothing was paid back whole. The id is the order's.",
    )
    REFUND_REQUESTED = value(
        "refund.requested", "Money is to go back to a buyer. The id is the refund's."
    )
    REFUND_SUCCEEDED = value(
        "refund.succeeded", "Money went back to a buyer. The id is the refund's."
    )
    REFUND_DUE = value(
        "refund.due", "Money could not be sent back: somebody must by hand. The id is the refund's."
    )
    DISPUTE_OPENED = value(
        "dispute.opened", "A buyer complained at their bank. The id is the order's."
    )
    DISPUTE_CHANGED = value(
        "dispute.changed", "A dispute that is open came further. The id is the order's."
    )
    DISPUTE_CLOSED = value(
        "dispute.closed", "A dispute was won, lost or closed. The id is the order's."
    )
    CODE_REPORT_OPENED = value(
        "code_report.opened", "A buyer reported a code that does not work. The id is the report's."
    )
    CODE_REPORT_ANSWERED = value(
        "code_report.answered", "A report of a code was answered. The id is the report's."
    )
    PRODUCT_CREATED = value("product.created", "A product was added. The id is the product's.")
    PRODUCT_CHANGED = value(
        "product.changed",
        "A product, its variants, prices or pictures were saved anew. The id is the product's.",
    )
    PRODUCT_ARCHIVED = value(
        "product.archived", "A product was taken off sale for good. The id is the product's."
    )
    STOCK_LOW = value(
        "stock.low", "A variant's stock fell to its threshold. The id is the variant's."
    )
    STOCK_SOLD_OUT = value(
        "stock.sold_out",
        "The last code of a variant was sold; told once an hour at most. The id is the variant's.",
    )
    STOCK_RESTOCKED = value(
        "stock.restocked", "Stock that was low is above its threshold. The id is the variant's."
    )


@enum_type
class WebhookSubject(Enum):
    """A kind of thing that events are about."""

    ORDER = value("Order", "`$id` is an order's.")
    REFUND = value("Refund", "`$id` is a refund's.")
    CODE_REPORT = value("CodeReport", "`$id` is that of a buyer's report.")
    PRODUCT = value("Product", "`$id` is a product's.")
    VARIANT = value("Variant", "`$id` is a variant's.")


@object_type
class WebhookSample:
    """What a webhook about one kind of thing may be told of, and a document to begin with."""

    subject: WebhookSubject = described("The kind of thing whose id the events name.")
    events: list[WebhookEvent] = described("What may have happened where the document fits.")
    document: str = described("A document that tells what most want to know of such a thing.")


def samples() -> list[WebhookSample]:
    """One for each kind of thing."""
    return [
        WebhookSample(
            subject=WebhookSubject(subject),
            events=[WebhookEvent(event) for event in EVENTS if subject_of(event) == subject],
            document=document,
        )
        for subject, document in SAMPLES.items()
    ]


SAMPLES: dict[Subject, str] = {
    "Order": """\
query Order($id: ID!) {
  order(id: $id) {
    id
    number
    status
    email
    total { amount currencyCode }
    lines { productName variantName quantity }
    createdAt
  }
}
""",
    "Refund": """\
query Refund($id: ID!) {
  node(id: $id) {
    ... on Refund {
      id
      status
      amount { amount currencyCode }
      order { id number }
    }
  }
}
""",
    "CodeReport": """\
query CodeReport($id: ID!) {
  node(id: $id) {
    ... on CodeReport {
      id
      status
      reason
      orderNumber
      productName
    }
  }
}
""",
    "Product": """\
query Product($id: ID!) {
  product(id: $id) {
    id
    name
    slug
    status
    variants { id name prices { amount currencyCode } }
  }
}
""",
    "Variant": """\
query Variant($id: ID!) {
  variant(id: $id) {
    id
    name
    product { id name }
    stock { available }
  }
}
""",
}
"""Documents to begin with; tests hold that each is valid."""
