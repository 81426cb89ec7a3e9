"""`keystall migrate` and `keystall operator create`."""

import asyncio
from typing import Annotated

import typer

from keystall.platform.cli.settings import WRONG, fail, settings_or_exit
from keystall.platform.logs import configure_logs
from keystall.tenants.errors import Refused
from keystall.tenants.identity.operators import operator_create
from keystall.tenants.schema import migrate as bring_up_to_date

app = typer.Typer()
operator = typer.Typer(help="Those who run the installation.", no_args_is_help=True)
app.add_typer(operator, name="operator")


@app.command()
def migrate() -> None:
    """Bring the database's schema up to date. Safe while web and worker run, and twice at once.

    Example:

        KEYSTALL_OWNER_DATABASE_URL=postgresql://keystall_owner:…@db/keystall keystall migrate
    """
    asyncio.run(bring_up_to_date(_owner_url()))
    typer.echo("The schema is up to date.")


@operator.command("create")
def create(
    email: Annotated[str, typer.Argument(help="Address to sign in with.")],
    password: Annotated[
        str,
        typer.Option(
            envvar="KEYSTALL_OPERATOR_PASSWORD",
            prompt=True,
            hide_input=True,
            confirmation_prompt=True,
            help="Asked for where it is not given.",
        ),
    ],
) -> None:
    """Make an account that may sign in to the operator desk.

    Examples:

        keystall operator create olga@example.org
        KEYSTALL_OPERATOR_PASSWORD=… keystall operator create olga@example.org
    """
    try:
        asyncio.run(operator_create(_owner_url(), email, password))
    except Refused as refused:
        reasons = ", ".join(f"{'.'.join(e.path)}: {e.code}" for e in refused.errors)
        raise fail(f"no operator was made ({reasons})", WRONG) from None
    typer.echo(f"{email} may sign in at {settings_or_exit().public_url}/operator/")


def _owner_url() -> str:
    settings = settings_or_exit()
    configure_logs(settings)
    if not settings.owner_database_url:
        raise fail("KEYSTALL_OWNER_DATABASE_URL is needed: only the owner may do this", WRONG)
    return settings.owner_database_url
