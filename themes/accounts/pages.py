"""Pages of people's accounts, and the front page of the installation."""

from keystall.themes.engine import Form, Page
from keystall.themes.engine.pages import EffectName

_SESSION: frozenset[EffectName] = frozenset({"session"})
_SIGNING_IN: frozenset[EffectName] = frozenset({"session", "sign-in"})
_PASSWORD = frozenset({"password"})
_CODE = frozenset({"code"})
_CREDENTIAL = frozenset({"credential"})

# What the browser is asked for a passkey comes with the block that a script fetches; the script
# sends on what it answers.
_ATTEMPT = Form("PasskeyAttempt", effects=_SIGNING_IN, shows=True)
_PASSKEY = Form(
    "PasskeySignIn",
    fields=("credential",),
    secret=_CREDENTIAL,
    effects=_SIGNING_IN,
    success="/console",
    returns=True,
)


def _page(name: str, route: str, *forms: Form, query: bool = False) -> Page:
    return Page(name=name, route=route, surface="accounts", forms=forms, query=query)


PAGES: tuple[Page, ...] = (
    _page("landing", "/", query=True),
    _page(
        "sign_up",
        "/sign-up",
        Form(
            "AccountCreate",
            fields=("email", "password"),
            secret=_PASSWORD,
            effects=_SESSION,
            success="/sign-up/sent",
        ),
    ),
    _page("sign_up_sent", "/sign-up/sent"),
    # Mail programs follow links by themselves: only the button confirms.
    _page(
        "confirm",
        "/confirm/{token}",
        Form(
            "AccountConfirm",
            # Signed in at once in the browser that signed up, and nowhere else.
            success="{accountConfirm.consoleUrl}",
            success_else="/sign-in?done=confirmed",
            effects=_SESSION,
        ),
        query=True,
    ),
    _page(
        "sign_in",
        "/sign-in",
        Form(
            "SessionCreate",
            fields=("email", "password"),
            secret=_PASSWORD,
            effects=_SIGNING_IN,
            success="/console",
            detour="{sessionCreate.secondStepUrl}",
            returns=True,
        ),
        _ATTEMPT,
        _PASSKEY,
    ),
    # For whoever has said the right password: a cookie of its own says so, and is no session.
    _page(
        "second_step",
        "/sign-in/code",
        Form(
            "SecondStepPass",
            fields=("code",),
            secret=_CODE,
            effects=_SIGNING_IN,
            success="/console",
            returns=True,
        ),
        Form("PasskeyStep", shows=True),
        _PASSKEY,
        query=True,
    ),
    _page("sign_out", "/sign-out", Form("SessionEnd", effects=_SESSION, success="/", returns=True)),
    # As above: the link alone does nothing.
    _page(
        "invitation",
        "/invitation/{token}",
        Form("InvitationAccept", success="/console/{invitationAccept.shop.slug}/?done=joined"),
        Form(
            "InvitationSignUp",
            fields=("password",),
            secret=_PASSWORD,
            effects=_SESSION,
            success="/console/{invitationSignUp.shop.slug}/?done=joined",
        ),
        query=True,
    ),
    Page(
        name="account",
        route="/account",
        surface="accounts",
        permission="person",
        forms=(
            Form("SessionRevoke", fields=("id",), success="/account?done=ended"),
            Form("SessionsEndOthers", success="/account?done=ended"),
            Form(
                "PasswordChange",
                fields=("current", "password"),
                secret=frozenset({"current", "password"}),
                success="/account?done=password",
            ),
        ),
        requires=("viewer",),
    ),
    Page(
        name="totp",
        route="/account/second-step",
        surface="accounts",
        permission="person",
        forms=(
            Form("TotpBegin", fields=("password",), secret=_PASSWORD),
            Form("TotpConfirm", fields=("code",), secret=_CODE, shows=True),
            Form(
                "RecoveryCodesRenew",
                fields=("password", "code"),
                secret=_PASSWORD | _CODE,
                shows=True,
            ),
            Form(
                "TotpEnd",
                fields=("password", "code"),
                secret=_PASSWORD | _CODE,
                success="/account/second-step?done=off",
            ),
        ),
        requires=("viewer",),
    ),
    Page(
        name="passkeys",
        route="/account/passkeys",
        surface="accounts",
        permission="person",
        forms=(
            Form("PasskeyBegin", fields=("name", "password"), secret=_PASSWORD, shows=True),
            Form("PasskeyAdd", fields=("credential",), secret=_CREDENTIAL, shows=True),
            Form(
                "PasskeyRename",
                fields=("id", "name", "password"),
                secret=_PASSWORD,
                success="/account/passkeys?done=renamed",
            ),
            Form(
                "PasskeyRemove",
                fields=("id", "password"),
                secret=_PASSWORD,
                success="/account/passkeys?done=removed",
            ),
        ),
        requires=("viewer",),
    ),
    _page(
        "password_reset",
        "/password-reset",
        Form("PasswordResetRequest", fields=("email",), success="/password-reset/sent"),
    ),
    _page("password_reset_sent", "/password-reset/sent"),
    _page(
        "password_new",
        "/password-reset/{token}",
        Form(
            "PasswordReset",
            fields=("password",),
            secret=_PASSWORD,
            effects=_SESSION,
            success="/sign-in?done=password",
        ),
        query=True,
    ),
)
