"""Languages that the product speaks."""

LOCALES = ("zh-CN", "en")
"""BCP 47 tags; the first is answered where nothing better is known."""


def known_locale(locale: str) -> str:
    """`locale` where we speak it, else the first of ours."""
    return locale if locale in LOCALES else LOCALES[0]
