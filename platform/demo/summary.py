"""What a running demo tells: `demo.json` for programs, a page in the terminal for people."""

import json
from typing import Any

from rich.console import Console
from rich.markup import escape

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
    """Print addresses and logins, a line each: nothing is cut off where the window is narrow."""
    operator = told["operator"]
    lines = ["", "[bold]Shops[/bold]"]
    for shop in told["shops"]:
        merchant = shop["merchant"]
        lines += [
            f"  {escape(shop['name'])}",
            f"    {shop['url']}",
            f"    {merchant['email']}  {merchant['password']}",
        ]
    lines += [
        "[bold]Merchants[/bold]",
        f"  Open a shop     {told['platform_url']}/sign-up",
        f"  Console         {told['platform_url']}/console",
        "[bold]Operator[/bold]",
        f"  Desk            {told['platform_url']}/operator/",
        f"                  {operator['email']}  {operator['password']}",
        "[bold]Around[/bold]",
        f"  Mail sent here  {told['mail_url']}",
        f"  Metrics         http://127.0.0.1:{installation.ports.metrics}/metrics",
        f"  Logs, data      {escape(str(installation.home))}",
        "",
        "[bold]Keystall is running.[/bold] Ctrl-C stops it; nothing is lost.",
    ]
    console.print("\n".join(lines), soft_wrap=True)
