"""Letters about somebody's account at the installation."""

from keystall.tenants.mails.port import (
    AccountConfirm,
    AccountReset,
    PasskeyChanged,
    RecoveryCodesLow,
    SecondStepSwitched,
    StaffInvitation,
)
from keystall.themes.mail.sheet import Letterhead, Sheet, short
from keystall.themes.messages import Messages

_PRODUCT = "Keystall"
AccountLetter = (
    AccountConfirm
    | AccountReset
    | SecondStepSwitched
    | RecoveryCodesLow
    | PasskeyChanged
    | StaffInvitation
)


def account_sheet(letter: AccountLetter, messages: Messages) -> Sheet:
    """The sheet of a letter about an account, in the language of `messages`."""
    match letter:
        case AccountConfirm():
            return _account_confirm(letter, messages)
        case AccountReset():
            return _account_reset(letter, messages)
        case SecondStepSwitched():
            return _second_step_switched(letter, messages)
        case RecoveryCodesLow():
            return _recovery_codes_low(letter, messages)
        case PasskeyChanged():
            return _passkey_changed(letter, messages)
        case StaffInvitation():
            return _staff_invitation(letter, messages)


def _account_confirm(letter: AccountConfirm, m: Messages) -> Sheet:
    return Sheet(
        head=_head(m),
        subject=m.t("mail.account_confirm.subject"),
        title=m.t("mail.account_confirm.title"),
        lead=m.t("mail.account_confirm.lead"),
        action=m.t("mail.account_confirm.action"),
        url=f"{letter.public_url}/confirm/{letter.token}",
        note=m.t("mail.account_confirm.note", days=letter.days),
    )


def _account_reset(letter: AccountReset, m: Messages) -> Sheet:
    return Sheet(
        head=_head(m),
        subject=m.t("mail.account_reset.subject"),
        title=m.t("mail.account_reset.title"),
        lead=m.t("mail.account_reset.lead"),
        action=m.t("mail.account_reset.action"),
        url=f"{letter.public_url}/password-reset/{letter.token}",
        note=m.t("mail.account_reset.note", hours=letter.hours),
    )


def _second_step_switched(letter: SecondStepSwitched, m: Messages) -> Sheet:
    state = "on" if letter.on else "guarded" if letter.guarded else "off"
    return Sheet(
        head=_head(m),
        subject=m.label("mail.second_step.subject", state),
        title=m.label("mail.second_step.title", state),
        lead=m.label("mail.second_step.lead", state),
        action=m.t("mail.second_step.action"),
        url=f"{letter.public_url}/account/second-step",
        note=m.label("mail.second_step.note", state),
    )


def _recovery_codes_low(letter: RecoveryCodesLow, m: Messages) -> Sheet:
    return Sheet(
        head=_head(m),
        subject=m.t("mail.recovery_codes_low.subject", count=letter.left),
        title=m.t("mail.recovery_codes_low.title", count=letter.left),
        lead=m.t("mail.recovery_codes_low.lead"),
        action=m.t("mail.recovery_codes_low.action"),
        url=f"{letter.public_url}/account/second-step",
        note=m.t("mail.recovery_codes_low.note"),
    )


def _passkey_changed(letter: PasskeyChanged, m: Messages) -> Sheet:
    bare = letter.change == "removed" and not letter.guarded
    return Sheet(
        head=_head(m),
        subject=m.label("mail.passkey.subject", letter.change),
        title=m.label("mail.passkey.title", letter.change),
        lead=m.label("mail.passkey.lead", "last" if bare else letter.change),
        action=m.t("mail.passkey.action"),
        url=f"{letter.public_url}/account/passkeys",
        note=m.label("mail.passkey.note", letter.change),
    )


def _staff_invitation(letter: StaffInvitation, m: Messages) -> Sheet:
    return Sheet(
        head=Letterhead(
            brand=letter.stall.name, footer=m.t("mail.footer.invited", shop=letter.stall.name)
        ),
        subject=m.t("mail.staff_invitation.subject", shop=short(letter.stall.name)),
        title=m.t("mail.staff_invitation.title", shop=letter.stall.name),
        lead=m.label("mail.staff_invitation.lead", letter.role),
        facts=((m.t("mail.staff_invitation.by"), letter.invited_by),),
        action=m.t("mail.staff_invitation.action"),
        url=f"{letter.stall.public_url}/invitation/{letter.token}",
        note=m.t("mail.staff_invitation.note", days=letter.days),
    )


def _head(m: Messages) -> Letterhead:
    return Letterhead(brand=_PRODUCT, footer=m.t("mail.footer.account"))
