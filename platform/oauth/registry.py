"""Which providers an installation has keys for. One without keys is not even loaded."""

from collections.abc import Mapping

from keystall.platform.oauth.port import PROVIDERS, ProviderName, SignInProvider
from keystall.platform.settings import Settings


def sign_in_providers(settings: Settings) -> Mapping[ProviderName, SignInProvider]:
    """Those whose keys are set, in the order in which pages offer them."""
    return {name: _made(name, settings) for name in PROVIDERS if settings.sign_in_keys(name)[0]}


def redirect_uri(settings: Settings, name: ProviderName) -> str:
    """The one address of the installation to register with a provider."""
    return f"{settings.public_url}/oauth/{name}"


def _made(name: ProviderName, settings: Settings) -> SignInProvider:
    keys, at = settings.sign_in_keys(name), settings.sign_in_url
    there = f"{at}/{name}" if at else ""
    match name:
        case "google":
            from keystall.platform.oauth.google import Google  # noqa: PLC0415

            return Google(*keys, there, there, there) if there else Google(*keys)
        case "github":
            from keystall.platform.oauth.github import GitHub  # noqa: PLC0415

            return GitHub(*keys, there, there) if there else GitHub(*keys)
        case "qq":
            from keystall.platform.oauth.qq import QQ  # noqa: PLC0415

            return QQ(*keys, there) if there else QQ(*keys)
        case "wechat":
            from keystall.platform.oauth.wechat import WeChat  # noqa: PLC0415

            return WeChat(*keys, there, there) if there else WeChat(*keys)
