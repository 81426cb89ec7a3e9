"""`keystall keys status`, `rotate` and `destroy`."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from keystall.platform.cli.home import settings_of
from keystall.platform.cli.settings import WRONG, fail
from keystall.platform.crypto import InvalidKeyRing, Unreadable, is_ring_text
from keystall.platform.files import file_store
from keystall.platform.ring_file import RingFile, open_ring
from keystall.platform.settings import Settings
from keystall.tenants.key_locks import Busy, only_command
from keystall.tenants.keys.destruction import destroy_shop_keys
from keystall.tenants.keys.records import StillUsed
from keystall.tenants.keys.ring_rotation import rotate_ring
from keystall.tenants.keys.shop_rotation import Keeper, rotate_shop, rotate_shops
from keystall.tenants.keys.standing import shop_by_slug, standing

app = typer.Typer()
keys = typer.Typer(help="The keys that guard what is stored.", no_args_is_help=True)
app.add_typer(keys, name="keys")

Home = Annotated[
    Path | None, typer.Option(help="Folder of a running demo; else KEYSTALL_* settings say.")
]


class Wrong(Exception):
    """The command cannot do what it was told; the message says why."""


@keys.command("status")
def status(home: Home = None) -> None:
    """Tell which keys there are, what waits to be wrapped anew, and which shops have none.

    Example:

        keystall keys status
    """
    _run(_status(settings_of(home)))


@keys.command("rotate")
def rotate(
    installation: Annotated[
        bool, typer.Option("--installation", help="A new key in the ring; the old one goes.")
    ] = False,
    shop: Annotated[str, typer.Option(help="A new data key for the shop at this address.")] = "",
    all_shops: Annotated[
        bool, typer.Option("--all-shops", help="A new data key for every shop.")
    ] = False,
    only_join: Annotated[
        bool,
        typer.Option("--only-join", help="With --installation: stop once the new key is there."),
    ] = False,
    home: Home = None,
) -> None:
    """Put a new key in an old one's place while orders flow, and destroy the old one.

    Killed at any point, it goes on where it was when it is run again.

    Examples:

        keystall keys rotate --installation
        keystall keys rotate --shop moon-cards
        keystall keys rotate --all-shops
    """
    if (installation, bool(shop), all_shops).count(True) != 1:
        raise fail("name one of --installation, --shop SLUG and --all-shops", WRONG)
    settings = settings_of(home)
    if installation:
        _run(_rotate_ring(settings, only_join))
    else:
        _run(_rotate_shops(settings, shop))


@keys.command("destroy")
def destroy(
    shop: Annotated[str, typer.Option(help="The shop's address, such as moon-cards.")],
    confirm: Annotated[
        str, typer.Option(help="The shop's address once more; asked for where it is not given.")
    ] = "",
    home: Home = None,
) -> None:
    """Make one shop's codes and secrets unreadable for ever, and suspend it. No way back.

    Example:

        keystall keys destroy --shop moon-cards
    """
    settings = settings_of(home)
    typed = confirm or typer.prompt(
        f"Nobody will ever read the codes of {shop} again, its buyers included.\n"
        "Type the shop's address to destroy its keys"
    )
    if typed != shop:
        raise fail("that is not the shop's address: nothing was destroyed", WRONG)
    _run(_destroy(settings, shop))


async def _status(settings: Settings) -> None:
    async with _keeper(settings) as keeper:
        ring = keeper.ring
        found = await standing(keeper.connection, ring)
    typer.echo(f"Ring: keys {', '.join(map(str, ring.versions))}; {ring.current} wraps.")
    for name, count in found.older.items():
        typer.echo(f"{name}: {count} wrapped with an older key.")
    for scope in found.begun:
        typer.echo(f"A rotation of {scope} was begun and not ended: run it again.")
    for shop in found.shops:
        if not shop.versions or shop.newest_at is None:
            typer.echo(f"{shop.slug}: keys destroyed.")
            continue
        under_way = "; a rotation is under way" if len(shop.versions) > 1 else ""
        versions = ", ".join(map(str, shop.versions))
        typer.echo(f"{shop.slug}: key {versions} of {shop.newest_at:%Y-%m-%d}{under_way}.")


async def _rotate_ring(settings: Settings, only_join: bool) -> None:
    if is_ring_text(settings.key_ring):
        raise Wrong(
            "KEYSTALL_KEY_RING holds the ring itself, which no command can change: put it into a "
            "file that all processes read, name the file there, restart them, and come back"
        )
    async with _keeper(settings) as keeper:
        if not isinstance(keeper.ring, RingFile):
            raise Wrong("the key ring is no file")
        await rotate_ring(keeper.connection, keeper.ring, keeper.say, only_join=only_join)


async def _rotate_shops(settings: Settings, slug: str) -> None:
    async with _keeper(settings) as keeper:
        if not slug:
            typer.echo(f"{await rotate_shops(keeper)} shops have a new key.")
            return
        shop = await shop_by_slug(keeper.connection, slug)
        if shop is None:
            raise Wrong(f"there is no shop {slug}")
        await rotate_shop(keeper, shop, slug)


async def _destroy(settings: Settings, slug: str) -> None:
    async with _keeper(settings) as keeper:
        shop = await shop_by_slug(keeper.connection, slug)
        if shop is None:
            raise Wrong(f"there is no shop {slug}")
        await destroy_shop_keys(keeper, shop, slug)


@asynccontextmanager
async def _keeper(settings: Settings) -> AsyncIterator[Keeper]:
    if not settings.owner_database_url:
        raise Wrong("KEYSTALL_OWNER_DATABASE_URL is needed: only the owner may do this")
    ring = open_ring(settings.key_ring)
    async with only_command(settings.owner_database_url) as connection:
        yield Keeper(connection, ring, file_store(settings.files_url), typer.echo)


def _run(work: Coroutine[Any, Any, None]) -> None:
    try:
        asyncio.run(work)
    except Wrong as wrong:
        raise fail(str(wrong), WRONG) from None
    except (Busy, InvalidKeyRing, StillUsed, Unreadable, OSError) as error:
        raise fail(str(error)) from None
