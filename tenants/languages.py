"""Languages that the product speaks."""

LOCALES = ("zh-CN", "en")
"""BCP 47 tags; the first is answered where nothing better is known."""


def known_locale(locale: str) -> str:
    """`locale` where we speak it, else the first of ours."""
    return locale if locale in LOCALES else LOCALES[0]


def spoken_locale(wanted: str) -> str | None:
    """The one of ours for a tag: the very same, else of the same language ("en" for "en-US")."""
    lowered = wanted.lower()
    same = [ours for ours in LOCALES if ours.lower() == lowered]
    language = lowered.partition("-")[0]
    return next(iter(same or (one for one in LOCALES if one.partition("-")[0] == language)), None)
