"""`keystall roles`, `keystall migrate` and `keystall operator`."""

import asyncio
from typing import Annotated, Any

import typer

from keystall.platform.cli.settings import WRONG, fail, settings_or_exit
from keystall.platform.engines.roles import RolePasswords, bootstrap_roles
from keystall.platform.logs import configure_logs
from keystall.platform.migrating import TableBusy
from keystall.tenants.errors import Refused
from keystall.tenants.identity.operators import operator_create, second_factor_reset
from keystall.tenants.migrating import migrate as bring_up_to_date

app = typer.Typer()
operator = typer.Typer(help="Those who run the installation.", no_args_is_help=True)
app.add_typer(operator, name="operator")


def _password(variable: str) -> Any:
    return typer.Option(envvar=variable, show_envvar=True, help="A password; better not typed.")


@app.command()
def roles(
    superuser_url: Annotated[
        str, typer.Option(envvar="KEYSTALL_SUPERUSER_URL", help="PostgreSQL as a superuser.")
    ],
    owner_password: Annotated[str, _password("KEYSTALL_OWNER_PASSWORD")],
    app_password: Annotated[str, _password("KEYSTALL_APP_PASSWORD")],
    system_password: Annotated[str, _password("KEYSTALL_SYSTEM_PASSWORD")],
) -> None:
    """Make the database keystall and its three login roles, or set their passwords.

    Needed once for an installation, before the first migration; harmless later.

    Example:

        KEYSTALL_SUPERUSER_URL=postgresql://postgres:…@db/postgres keystall roles
    """
    passwords = RolePasswords(owner=owner_password, app=app_password, system=system_password)
    asyncio.run(bootstrap_roles(superuser_url, passwords))
    typer.echo("The database and its roles are there.")


@app.command()
def migrate() -> None:
    """Bring the database's schema up to date. Safe while web and worker run, and twice at once.

    Example:

        KEYSTALL_OWNER_DATABASE_URL=postgresql://keystall_owner:…@db/keystall keystall migrate
    """
    try:
        asyncio.run(bring_up_to_date(_owner_url()))
    except TableBusy as error:
        raise fail(str(error)) from None
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


@operator.command("reset-second-factor")
def reset_second_factor(
    email: Annotated[str, typer.Argument(help="Address of whoever is locked out.")],
) -> None:
    """Switch off codes and take away passkeys that somebody lost, so that their password signs in.

    Make sure first that it is really them. Works for everybody who signs in at the console or the
    operator desk; they are told by mail, and the operators' record keeps it.

    Example:

        keystall operator reset-second-factor lin@example.org
    """
    try:
        was_on = asyncio.run(second_factor_reset(_owner_url(), email))
    except Refused:
        raise fail(f"nobody signs in with {email}", WRONG) from None
    if was_on:
        typer.echo(
            f"{email} signs in with the password alone, until they set up a second step again."
        )
    else:
        typer.echo(f"{email} was not asked for a second step; nothing was changed.")


def _owner_url() -> str:
    settings = settings_or_exit()
    configure_logs(settings)
    if not settings.owner_database_url:
        raise fail("KEYSTALL_OWNER_DATABASE_URL is needed: only the owner may do this", WRONG)
    return settings.owner_database_url
