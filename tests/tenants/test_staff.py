"""Who works for a shop: invitations, roles, leaving; on a real database, in real transactions."""

import asyncio
import itertools
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from keystall.graphql import arrival
from keystall.platform import clock, database
from keystall.platform.ids import new_id
from keystall.tenants.errors import Refused
from keystall.tenants.identity.service import Viewer, Visitor, register, sign_in
from keystall.tenants.installation import Installation
from keystall.tenants.shops.queries import Membership, membership_by_session
from keystall.tenants.shops.shop import Shop
from keystall.tenants.staff.deciding import MAX_STAFF, Member, problem_of_change
from keystall.tenants.staff.invitations import (
    invitation_accept,
    invitation_offer,
    invitation_resend,
    invitation_sign_up,
    invitation_to_mail,
    invitation_withdraw,
    invitations_of,
    member_invite,
)
from keystall.tenants.staff.members import member_remove, member_update, members_of
from keystall.tenants.staff.roles import PERMISSIONS, PROGRAM, ROLES, Permission, Role
from tests.factories import PASSWORD, a_shop, a_viewer
from tests.graphql.asking import caller


async def token_of(installation: Installation, shop: Shop, invitation: UUID) -> str:
    """The token that the mail of an invitation carries."""
    async with database.transaction(shop.id) as tx:
        mail = await invitation_to_mail(tx, installation, shop.id, invitation)
    assert mail is not None
    return mail.token


async def invited(
    installation: Installation, shop: Shop, owner: Viewer, email: str, role: Role = "support"
) -> str:
    """The token of a new invitation."""
    made = await member_invite(installation, shop.id, owner, email, role, locale="en")
    return await token_of(installation, shop, made.id)


async def joined(
    installation: Installation, shop: Shop, owner: Viewer, role: Role = "support"
) -> Viewer:
    """Somebody new who works for the shop."""
    person = await a_viewer(installation)
    await invitation_accept(
        installation, person, await invited(installation, shop, owner, person.email, role)
    )
    return person


async def roles_of(shop: Shop) -> dict[str, Role]:
    async with database.transaction(shop.id) as tx:
        return {one.email: one.role for one in await members_of(tx)}


async def emails_invited(shop: Shop) -> list[str]:
    async with database.transaction(shop.id) as tx:
        return [one.email for one in await invitations_of(tx, shop.id)]


async def place(person: Viewer, shop: Shop) -> Membership | None:
    async with database.transaction(None) as tx:
        return await membership_by_session(tx, person.secret_hash, shop.slug)


def codes(refused: pytest.ExceptionInfo[Refused]) -> list[str]:
    return [error.code for error in refused.value.errors]


def test_the_roles_allow_exactly_this() -> None:
    everything = set(Permission)
    owners_alone = {"closing", "payment_accounts", "tokens", "staff"}
    assert {
        "owner": everything,
        "manager": everything - owners_alone,
        "support": {"overview", "orders"},
    } == PERMISSIONS
    assert everything - {"payment_accounts", "tokens", "staff"} == PROGRAM


def test_no_change_leaves_a_shop_without_an_owner() -> None:
    people = [new_id() for _ in range(3)]
    for had in itertools.product(ROLES, repeat=3):
        members = [
            Member(one, "", role, clock.now()) for one, role in zip(people, had, strict=True)
        ]
        for actor, account in itertools.product(people, people):
            for role in (*ROLES, None):
                if problem_of_change(members, actor, account, role) is not None:
                    continue
                roles = dict(zip(people, had, strict=True)) | {account: role}
                assert "owner" in roles.values() or "owner" not in had
                leaves = actor == account and role is None
                assert leaves or had[people.index(actor)] == "owner"


async def test_whoever_was_invited_and_is_signed_in_comes_to_work_for_the_shop(
    installation: Installation,
) -> None:
    owner, person = await a_viewer(installation), await a_viewer(installation)
    shop = await a_shop(installation, owner)
    token = await invited(installation, shop, owner, f" {person.email.upper()} ", "manager")
    assert await place(person, shop) is None

    offer = await invitation_accept(installation, person, token)

    assert (offer.shop_id, offer.email, offer.role) == (shop.id, person.email, "manager")
    assert await place(person, shop) == Membership(shop, "manager")
    assert await roles_of(shop) == {owner.email: "owner", person.email: "manager"}
    assert await emails_invited(shop) == []
    with pytest.raises(Refused) as refused:
        await invitation_accept(installation, person, token)
    assert codes(refused) == ["LINK_INVALID"]


async def test_an_invitation_is_for_its_address_alone(installation: Installation) -> None:
    owner, other = await a_viewer(installation), await a_viewer(installation)
    shop = await a_shop(installation, owner)
    token = await invited(installation, shop, owner, "somebody@keystall.test")

    with pytest.raises(Refused) as refused:
        await invitation_accept(installation, other, token)

    assert codes(refused) == ["OTHER_PERSON"]
    assert await place(other, shop) is None
    assert await emails_invited(shop) == ["somebody@keystall.test"]
    # Nor where the service is gone around.
    async with database.transaction(shop.id) as tx:
        link = await tx.value("select secret_hash from invitations where shop_id = $1", shop.id)
        assert not await tx.value("select invitation_accept($1, $2)", link, other.secret_hash)


async def test_an_invitation_makes_an_account_and_confirms_its_address(
    installation: Installation,
) -> None:
    owner = await a_viewer(installation)
    shop = await a_shop(installation, owner)
    token = await invited(installation, shop, owner, "invited-newcomer@keystall.test")

    with pytest.raises(Refused) as refused:
        await invitation_sign_up(token, "short", locale="en", visitor=Visitor())
    assert codes(refused) == ["PASSWORD_TOO_SHORT"]
    await invitation_sign_up(token, "melon tree 20", locale="zh-CN", visitor=Visitor())

    # No link had to be followed.
    await sign_in(
        installation, "invited-newcomer@keystall.test", "melon tree 20", visitor=Visitor()
    )
    with pytest.raises(Refused) as refused:
        await invitation_sign_up(token, "apple tree 21", locale="en", visitor=Visitor())
    assert codes(refused) == ["ACCOUNT_EXISTS"]
    with pytest.raises(Refused):
        await sign_in(
            installation, "invited-newcomer@keystall.test", "apple tree 21", visitor=Visitor()
        )


async def test_a_stranger_who_signed_up_with_the_address_before_has_no_way_in(
    installation: Installation,
) -> None:
    owner = await a_viewer(installation)
    shop = await a_shop(installation, owner)
    await register(installation, "invited-victim@keystall.test", "strangers own 1", locale="en")
    token = await invited(installation, shop, owner, "invited-victim@keystall.test")

    await invitation_sign_up(token, "melon tree 20", locale="en", visitor=Visitor())

    with pytest.raises(Refused) as refused:
        await sign_in(
            installation, "invited-victim@keystall.test", "strangers own 1", visitor=Visitor()
        )
    assert codes(refused) == ["CREDENTIALS_WRONG"]
    async with database.transaction(None) as tx:
        account = await tx.value(
            "select id from account_for_sign_in('invited-victim@keystall.test')"
        )
    connection = await asyncpg.connect(installation.settings.owner_database_url)
    try:
        left = await connection.fetchval(
            "select count(*) from account_tokens where account_id = $1 and used_at is null", account
        )
    finally:
        await connection.close()
    assert left == 0


async def test_a_link_ends_when_mailed_again_when_withdrawn_and_after_a_week(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, person = await a_viewer(installation), await a_viewer(installation)
    shop = await a_shop(installation, owner)
    links = [await invited(installation, shop, owner, person.email)]
    async with database.transaction(shop.id) as tx:
        (row,) = await invitations_of(tx, shop.id)
    assert row.expires_at - clock.now() > timedelta(days=6, hours=23)
    await invitation_resend(installation, shop.id, row.id)
    links.append(await token_of(installation, shop, row.id))
    # Inviting anew is mailing again, here as somebody else.
    links.append(await invited(installation, shop, owner, person.email, "manager"))
    assert len(set(links)) == 3
    async with database.transaction(None) as tx:
        offers = [await invitation_offer(tx, link) for link in links]
    assert [one and one.role for one in offers] == [None, None, "manager"]

    async with database.transaction(shop.id) as tx:
        await tx.execute("update invitations set expires_at = now() where shop_id = $1", shop.id)
    for ended in (links[-1], "made up"):
        with pytest.raises(Refused) as refused:
            await invitation_accept(installation, person, ended)
        assert codes(refused) == ["LINK_INVALID"]
    async with database.transaction(shop.id) as tx:
        assert await invitation_to_mail(tx, installation, shop.id, row.id) is None
    await invitation_resend(installation, shop.id, row.id)
    link = await token_of(installation, shop, row.id)
    await invitation_withdraw(installation, shop.id, row.id)
    with pytest.raises(Refused) as refused:
        await invitation_accept(installation, person, link)
    assert codes(refused) == ["LINK_INVALID"]
    for gone in (invitation_withdraw, invitation_resend):
        with pytest.raises(Refused) as refused:
            await gone(installation, shop.id, row.id)
        assert codes(refused) == ["NOT_FOUND"]
    assert await place(person, shop) is None


async def test_the_token_of_an_invitation_stands_nowhere(installation: Installation) -> None:
    owner = await a_viewer(installation)
    shop = await a_shop(installation, owner)
    token = await invited(installation, shop, owner, "hidden@keystall.test")
    async with database.transaction(shop.id) as tx:
        rows = [
            await tx.value(f"select json_agg({name})::text from {name}")
            for name in ("invitations", "outbox", "audit_entries", "audit_changes")
        ]
    assert all(token not in (row or "") for row in rows)


async def test_owners_alone_invite_and_nobody_is_invited_twice_over(
    installation: Installation,
) -> None:
    owner = await a_viewer(installation)
    shop = await a_shop(installation, owner)
    manager = await joined(installation, shop, owner, "manager")
    for by, email, code in (
        (manager, "x@keystall.test", "CONFLICT"),
        (owner, manager.email, "MEMBER_ALREADY"),
        (owner, "no address", "EMAIL_INVALID"),
    ):
        with pytest.raises(Refused) as refused:
            await member_invite(installation, shop.id, by, email, "owner", locale="en")
        assert codes(refused) == [code]
    assert await emails_invited(shop) == []
    async with database.transaction(shop.id) as tx:
        await tx.execute(
            "insert into invitations (shop_id, id, email, role, link, secret_hash, invited_by,"
            " locale, expires_at) select $1, gen_random_uuid(), n || '@keystall.test', 'support',"
            " gen_random_uuid(), n::text::bytea, '', 'en', now() from generate_series(3, $2) n",
            shop.id, MAX_STAFF,
        )  # fmt: skip
    with pytest.raises(Refused) as refused:
        await member_invite(installation, shop.id, owner, "x@k.test", "support", locale="en")
    assert codes(refused) == ["LIMIT_REACHED"]
    await member_invite(installation, shop.id, owner, "3@keystall.test", "owner", locale="en")


async def test_a_change_of_role_and_letting_go_hold_from_the_next_request_on(
    installation: Installation,
) -> None:
    owner = await a_viewer(installation)
    shop = await a_shop(installation, owner)
    person = await joined(installation, shop, owner)
    other = await a_shop(installation)
    signed_in = await sign_in(installation, person.email, PASSWORD, visitor=Visitor())

    async def asks() -> tuple[UUID | None, frozenset[Permission]]:
        context = await arrival.by_session(installation, signed_in.secret, caller(), slug=shop.slug)
        await context.reader.finish()
        return (context.shop.id if context.shop else None), context.permissions

    assert await asks() == (shop.id, PERMISSIONS["support"])
    changed = await member_update(
        installation, shop.id, person.account_id, "manager", actor=owner.account_id
    )
    assert changed.role == "manager"
    assert await asks() == (shop.id, PERMISSIONS["manager"])
    # Not by themselves, nor by the owner of another shop.
    for actor, where in ((person, shop), (owner, other)):
        with pytest.raises(Refused) as refused:
            await member_update(
                installation, where.id, person.account_id, "owner", actor=actor.account_id
            )
        assert codes(refused) == ["CONFLICT"]
    await member_remove(installation, shop.id, person.account_id, actor=owner.account_id)
    assert await asks() == (None, frozenset())
    with pytest.raises(Refused) as refused:
        await member_remove(installation, shop.id, person.account_id, actor=owner.account_id)
    assert codes(refused) == ["NOT_FOUND"]


async def test_the_last_owner_stays_whoever_hurries(installation: Installation) -> None:
    owner = await a_viewer(installation)
    shop = await a_shop(installation, owner)
    await joined(installation, shop, owner, "manager")
    alone = owner.account_id
    for going in (
        member_update(installation, shop.id, alone, "manager", actor=alone),
        member_remove(installation, shop.id, alone, actor=alone),
    ):
        with pytest.raises(Refused) as refused:
            await going
        assert codes(refused) == ["LAST_OWNER"]

    # Two owners leave, or demote one another, at the same moment: one of them stays.
    for _ in range(5):
        second = await joined(installation, shop, owner, "owner")
        both = (owner, second)
        outcomes = await asyncio.gather(
            *(
                member_remove(installation, shop.id, one.account_id, actor=one.account_id)
                for one in both
            ),
            return_exceptions=True,
        )
        assert sorted(map(type, outcomes), key=str) == sorted([type(None), Refused], key=str)
        assert [role for role in (await roles_of(shop)).values() if role == "owner"] == ["owner"]
        owner = both[0] if outcomes[0] is not None else second

    second = await joined(installation, shop, owner, "owner")
    demoted = await asyncio.gather(
        member_update(installation, shop.id, second.account_id, "support", actor=owner.account_id),
        member_update(installation, shop.id, owner.account_id, "support", actor=second.account_id),
        return_exceptions=True,
    )
    assert sum(isinstance(one, Refused) for one in demoted) == 1
    assert list((await roles_of(shop)).values()).count("owner") == 1


async def test_not_even_the_database_takes_the_last_owner_away(
    installation: Installation,
) -> None:
    owner = await a_viewer(installation)
    shop = await a_shop(installation, owner)
    for role in ("support", None):
        with pytest.raises(asyncpg.CheckViolationError):
            async with database.transaction(shop.id) as tx:
                await tx.value("select shop_member_set($1, $2)", owner.account_id, role)
    # Nor does it make members.
    stranger = await a_viewer(installation)
    async with database.transaction(shop.id) as tx:
        assert not await tx.value("select shop_member_set($1, 'owner')", stranger.account_id)
    assert await roles_of(shop) == {owner.email: "owner"}


async def test_processes_from_before_roles_let_owners_in_and_nobody_else(
    installation: Installation,
) -> None:
    owner = await a_viewer(installation)
    shop = await a_shop(installation, owner)
    people = {
        role: await joined(installation, shop, owner, role)
        for role in ("owner", "manager", "support")
    }
    async with database.transaction(None) as tx:
        found = {
            role: [
                (await tx.value("select id from session_shop($1, $2)", one.secret_hash, shop.slug)),
                len(await tx.rows("select id from session_shops($1)", one.secret_hash)),
            ]
            for role, one in people.items()
        }
    assert found == {"owner": [shop.id, 1], "manager": [None, 0], "support": [None, 0]}


async def test_staff_of_a_shop_may_open_shops_of_their_own(installation: Installation) -> None:
    owner = await a_viewer(installation)
    shop = await a_shop(installation, owner)
    person = await joined(installation, shop, owner)
    own = await a_shop(installation, replace(person))
    assert await place(person, own) == Membership(own, "owner")
    assert await place(person, shop) == Membership(shop, "support")
