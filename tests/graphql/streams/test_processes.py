"""Streams of real web processes: heard across them, and let go when one stops."""

import asyncio
import signal
from pathlib import Path

import httpx2

from keystall.platform.settings import Settings
from keystall.tenants.installation import Installation
from tests.factories import a_shop
from tests.graphql.streams.following import ORDER, PATIENCE, Door, following
from tests.graphql.streams.speaking import opened
from tests.processes import web_processes
from tests.tenants.purchases import Purchase


async def test_every_process_hears_of_a_payment_and_lets_go_when_it_stops(
    installation: Installation, settings: Settings, tmp_path: Path
) -> None:
    purchase = Purchase(installation, await a_shop(installation))
    await purchase.stock("CODE-AAAA")
    order = await purchase.order()
    door = Door.of(installation, purchase.shop, order)
    given = {"token": door.token}
    with web_processes(settings, tmp_path) as processes:
        ports = [port for port, _ in processes]
        async with (
            following(ports[0], door.host, ORDER, given) as one,
            following(ports[1], door.host, ORDER, given) as two,
            opened(ports[0], door.host) as here,
            opened(ports[1], door.host) as there,
            httpx2.AsyncClient(timeout=PATIENCE) as browser,
            browser.stream(
                "GET", f"http://127.0.0.1:{ports[1]}/order/{door.token}/events",
                headers={"host": door.host},
            ) as of_the_page,
        ):  # fmt: skip
            sockets = (here, there)
            for socket in sockets:
                await socket.follow("one", ORDER, **given)
                waits = (await socket.answer("one"))["data"]["orderChanged"]
                assert waits["status"] == "PENDING"
            streams = (one, two)
            waiting = [(await events.answer())["data"] for events in streams]
            assert [data["orderChanged"]["status"] for data in waiting] == ["PENDING"] * 2
            await purchase.pay(order)  # by a third process, this one
            paid = [(await events.answer())["data"] for events in streams]
            assert [data["orderChanged"]["status"] for data in paid] == ["DELIVERED"] * 2
            for socket in sockets:
                told = (await socket.answer("one"))["data"]["orderChanged"]
                assert told["status"] == "DELIVERED"
            processes[1][1].send_signal(signal.SIGTERM)
            assert await two.end() == []
            assert (await there.closed())[0] == 1001
            assert "event: changed" in (await of_the_page.aread()).decode()
            async with asyncio.timeout(PATIENCE):
                assert await asyncio.to_thread(processes[1][1].wait) == -signal.SIGTERM
            log = (tmp_path / "1.log").read_text()
            assert "Cancel " not in log
            assert "[error" not in log
            # One line for each socket, and none of uvicorn's, which would have its query.
            assert log.count("[info     ] websocket ") == 1
            assert "WebSocket" not in log
            assert processes[0][1].poll() is None
            await here.say(type="ping")
            assert await here.heard() == {"type": "pong"}
