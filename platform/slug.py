"""Slugs: the part of an address that names a shop, a product or a category.

A shop's slug is also a DNS label (RFC 1123), under the installation's suffix.
"""

import re
import unicodedata

MIN_LENGTH = 3
MAX_LENGTH = 40

_VALID = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*", re.ASCII)
_NOT_SLUG = re.compile(r"[^a-z0-9]+", re.ASCII)

# Hosts that the installation needs, or that would let a shop pose as the installation.
_RESERVED = """
about abuse account accounts admin admin1 administration administrator affiliate affiliates
alipay announcement api api-docs api1 api2 app apps asset assets auth autoconfig autodiscover
backup beta billing blog bot broadcasthost bugs business buy
callback callbacks cart careers cdn cdn1 cdn2 changelog chat checkout ci code codes community
config console contact content control cpanel customer customers
dashboard data database db debug default delivery demo dev developer developers
dispute disputes dns docs documentation domain domains download downloads
email error errors events example export faq favicon feed feedback file files forum ftp
gateway git gql graphiql graphql guest health healthz help helpdesk home host hostmaster hosting
image images imap img import info internal invoice invoices isatap issues
jobs js keystall keystall-admin keystall-help keystall-official keystall-pay keystall-security
keystall-support legal live local localdomain localhost log login logout logs
mail mail1 mail2 mailer mailer-daemon manage manager marketing me media merchant merchants
metrics mobile monitor monitoring mta mta-sts my mx mx1 mx2
network news newsletter noc no-reply node noreply ns ns0 ns1 ns2 ns3 ns4 null
oauth official old openid operator operators order orders owner
page pages partner partners password pay payment payments paypal payout payouts phpmyadmin ping
pop pop3 postgres postmaster preview pricing privacy private prod production profile proxy public
queue readyz redis refund refunds register registration relay report root router rss
sandbox search secure security seller sellers sell server service services session sessions
settings settlement setup shop shops shopping sign-in sign-out sign-up signin signout signup
sitemap smtp sms sql ssh ssl ssl-admin sso staff stage staging stat static statistics stats status
storage store storefront stores stripe studio support sys sysadmin system
team teams tech telegram temp terms test test1 test2 testing tls tmp token tools trust
undefined unpay update updates upload uploads uptime usenet user users uucp
valkey verify version video vpn wallet web web1 webhook webhooks webmail webmaster wechat
wechatpay weixin well-known whois wiki worker wpad www www1 www2 www3 www-data xml xmpp
zhifubao
"""
RESERVED_SLUGS = frozenset(_RESERVED.split())


def is_valid_slug(text: str) -> bool:
    """Whether `text` has the form: 3 to 40 of a-z, 0-9 and single inner hyphens.

    The form only: `is_shop_slug` also asks whether a shop may carry it.
    """
    return MIN_LENGTH <= len(text) <= MAX_LENGTH and _VALID.fullmatch(text) is not None


def is_shop_slug(text: str) -> bool:
    """Whether a shop may take it: a valid slug, not reserved, and not all digits.

    A number alone as a host label is read as an address by some clients (WHATWG URL, 3.5).
    """
    return is_valid_slug(text) and text not in RESERVED_SLUGS and not text.isdigit()


def slugify(text: str) -> str:
    """A valid slug made from a Latin name, accents dropped; "" when too little remains.

    A name in Chinese gives "": the caller then chooses, for it knows what is still free.
    """
    plain = unicodedata.normalize("NFKD", text).casefold()
    ascii_only = "".join(c for c in plain if not unicodedata.combining(c)).replace("'", "")
    slug = _NOT_SLUG.sub("-", ascii_only).strip("-")[:MAX_LENGTH].rstrip("-")
    return slug if is_valid_slug(slug) else ""


def slug_like(text: str) -> str:
    """A valid slug as near to `text` as can be made, or an example: for whoever was refused."""
    made = slugify(text)
    return made if is_shop_slug(made) else "moon-cards"
