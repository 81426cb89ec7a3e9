"""What a running demo tells: `demo.json` for programs, a page in the terminal for people."""

import json
from typing import Any

from rich.console import Console
from rich.table import Table

from keystall.platform.demo.installation import SUFFIX, DemoInstallation


def summary(installation: DemoInstallation, seeded: dict[str, Any]) -> dict[str, Any]:
    """The contents of `demo.json`.

    `seeded` is what the prepare command wrote: `{"operator": {"email", "password"}, "shops":
    [{"name", "slug", "admin_token", "merchant": {"email", "password"}}]}`.
    """
    platform_url = installation.platform_url
    return {
        "platform_url": platform_url,
        "mail_url": installation.mail_url,
        "operator": seeded["operator"],
        "shops": [_shop(installation, platform_url, shop) for shop in seeded["shops"]],
    }


def _shop(
    installation: DemoInstallation, platform_url: str, shop: dict[str, Any]
) -> dict[str, Any]:
    url = f"http://{shop['slug']}.{SUFFIX}:{installation.ports.public}"
    return {
        "name": shop["name"],
        "slug": shop["slug"],
        "url": url,
        "storefront_graphql": f"{url}/graphql/storefront",
        "admin_graphql": f"{platform_url}/graphql/admin",
        "admin_token": shop["admin_token"],
        "merchant": shop["merchant"],
    }


def as_json(told: dict[str, Any]) -> str:
    return json.dumps(told, ensure_ascii=False, indent=2) + "\n"


def show(told: dict[str, Any], installation: DemoInstallation, console: Console) -> None:
    """Print addresses and logins."""
    shops = Table("Shop", "Address", "Merchant", "Password", box=None, pad_edge=False)
    for shop in told["shops"]:
        merchant = shop["merchant"]
        shops.add_row(shop["name"], shop["url"], merchant["email"], merchant["password"])
    rest = Table(box=None, show_header=False, pad_edge=False)
    operator = told["operator"]
    rest.add_row("Open a shop", f"{told['platform_url']}/sign-up")
    rest.add_row("Console", f"{told['platform_url']}/console")
    rest.add_row("Operator", f"{told['platform_url']}/operator/",
                 f"{operator['email']}  {operator['password']}")  # fmt: skip
    rest.add_row("Mail sent here", told["mail_url"])
    rest.add_row("Metrics", f"http://127.0.0.1:{installation.ports.metrics}/metrics")
    rest.add_row("Logs, database", str(installation.home))
    console.print()
    console.print(shops, soft_wrap=True)
    console.print()
    console.print(rest, soft_wrap=True)
    console.print("\nKeystall is running. Ctrl-C stops it; nothing is lost.", style="bold")
