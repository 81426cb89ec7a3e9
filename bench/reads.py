"""What is read from a shop, ours and floors in turn, round after round."""

import re
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

import orjson

from bench.house import House, fetch
from bench.load import Load, Target, load
from bench.meter import Meter

PRODUCT = "product-77"
HOME_PATH, PRODUCT_PATH = "/en/", f"/en/p/{PRODUCT}"
OUR_FIELDS = (
    "id name slug summary availability images{thumbnailUrl} priceRange{min{amount currencyCode}}"
)
FLOOR_FIELDS = "id name slug description price{amount currency} featuredAsset{url} inStock"
WARM_SECONDS = 1.0


def keep_answers(house: House, folder: Path) -> None:
    """Leaves our own pages in `folder`, for the floor that answers from memory."""
    folder.mkdir(exist_ok=True)
    for name, path in (("home", HOME_PATH), ("product", PRODUCT_PATH)):
        status, body = fetch(house.port, house.shop_host, path)
        if status != 200:
            raise ValueError(f"{path} answers {status}")
        (folder / name).write_bytes(body)


def targets(house: House) -> list[Target]:
    """Ours and floors; each group stands together, so that it is measured close in time."""
    shop, floor = house.shop_host, "localhost"

    def ours(name: str, path: str, body: bytes = b"") -> Target:
        return Target(name, house.port, shop, path, body)

    def cold(name: str, path: str) -> Target:
        return Target(name, house.cold_port, shop, path)

    def beneath(name: str, path: str, body: bytes = b"") -> Target:
        return Target(name, house.floors_port, floor, path, body)

    our_list = f"query L($n:Int!){{products(first:$n){{nodes{{{OUR_FIELDS}}}}}}}"
    our_one = f"query D($s:String!){{product(slug:$s){{{OUR_FIELDS}}}}}"
    floor_one = f"query D($s:String!){{product(slug:$s){{{FLOOR_FIELDS}}}}}"
    return [
        cold("home, cold", HOME_PATH),
        beneath("home, compiled", "/page/home"),
        ours("home, warm", HOME_PATH),
        beneath("home, memory", "/memory/home"),
        cold("product page, cold", PRODUCT_PATH),
        beneath("product page, compiled", "/page/product"),
        ours("product page, warm", PRODUCT_PATH),
        beneath("product page, memory", "/memory/product"),
        ours("list", "/graphql/storefront", _asked(our_list, n=20)),
        beneath("list, REST", "/rest/products"),
        ours("product", "/graphql/storefront", _asked(our_one, s=PRODUCT)),
        beneath("product, compiled", "/graphql", _asked(floor_one, s=PRODUCT)),
    ]


async def measure_reads(
    wanted: Sequence[Target], meter: Meter, *, rounds: int, seconds: float
) -> dict[str, Load]:
    """The median of each target, by name."""
    runs: dict[str, list[Load]] = {target.name: [] for target in wanted}
    for target in wanted:
        await load(target, WARM_SECONDS)
    for _ in range(rounds):
        for target in wanted:
            with meter.of(target.name) as done:
                found = await load(target, seconds)
                done(found.requests)
            runs[target.name].append(found)
    return medians(runs)


def medians(runs: Mapping[str, list[Load]]) -> dict[str, Load]:
    """Of each figure by itself; requests and bad answers are summed."""
    return {
        name: Load(
            statistics.median(run.rate for run in found),
            sum(run.requests for run in found),
            sum(run.bad for run in found),
            statistics.median(run.p50 for run in found),
            statistics.median(run.p99 for run in found),
        )
        for name, found in runs.items()
    }


def _asked(query: str, **variables: object) -> bytes:
    return orjson.dumps({"query": re.sub(r"\s+", " ", query), "variables": variables})
