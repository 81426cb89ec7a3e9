"""The page engine: one page = one row, one query, one template. See `themes/README.md`."""

from keystall.themes.engine.assets import Assets, load_assets
from keystall.themes.engine.check import check_pages
from keystall.themes.engine.cookies import Cookies, alias
from keystall.themes.engine.documents import vouched
from keystall.themes.engine.failures import KINDS as FAILURE_KINDS
from keystall.themes.engine.failures import Failures, locale_of
from keystall.themes.engine.headers import same_etag
from keystall.themes.engine.pages import Cache, Form, Page
from keystall.themes.engine.render import Renderer, make_renderer
from keystall.themes.engine.routes import Pages, locale_route, routes
from keystall.themes.engine.theme import Look, Theme, load_theme
from keystall.themes.engine.visit import Answer, Effect, Execute, UploadRefused, Visit
from keystall.themes.messages import LOCALES, URL_CODES, load_messages, negotiate

__all__ = [
    "FAILURE_KINDS",
    "LOCALES",
    "URL_CODES",
    "Answer",
    "Assets",
    "Cache",
    "Cookies",
    "Effect",
    "Execute",
    "Failures",
    "Form",
    "Look",
    "Page",
    "Pages",
    "Renderer",
    "Theme",
    "UploadRefused",
    "Visit",
    "alias",
    "check_pages",
    "load_assets",
    "load_messages",
    "load_theme",
    "locale_of",
    "locale_route",
    "make_renderer",
    "negotiate",
    "routes",
    "same_etag",
    "vouched",
]
