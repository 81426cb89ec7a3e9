"""The third door: puts the worker together from all rooms.

keystall worker            (or: python -m keystall worker)
"""

import asyncio
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import uvloop

from keystall.platform import database
from keystall.platform.collection import keep_what_start_up_made
from keystall.platform.http import outside_client
from keystall.platform.later import later
from keystall.platform.mail import mailer_from
from keystall.platform.queue import Queue, decode_job, encode_job
from keystall.platform.settings import Settings, load_settings
from keystall.tenants.forbidden.scan import LONGEST as LONGEST_SCAN
from keystall.tenants.forbidden.scan import SCAN, scan_listings
from keystall.tenants.installation import Installation, installed
from keystall.tenants.mails.service import HANDLERS as MAIL_HANDLERS
from keystall.tenants.mails.service import MailDesk
from keystall.tenants.orders.service import expire_order
from keystall.tenants.payments.application import apply_callback
from keystall.tenants.payments.checks import check_payment
from keystall.tenants.payments.refunds import send_refund
from keystall.tenants.retention.sweep import LONGEST, SWEEP, sweep_kept
from keystall.tenants.schema import connect
from keystall.tenants.stock.import_work import import_codes
from keystall.tenants.stock.rejects import forget_rejects
from keystall.tenants.webhooks.desk import HookDesk
from keystall.tenants.webhooks.port import Asked
from keystall.tenants.webhooks.sending import send_delivery
from keystall.tenants.webhooks.service import SEND
from keystall.themes.mail.texts import ThemedMails
from keystall.workers.counting import count_failed_work
from keystall.workers.jobs import Handler, Work, arq_functions
from keystall.workers.relay import relay
from keystall.workers.settling import settle_stock
from keystall.workers.sweeping import post_sweeps
from keystall.workers.taking import JobWorker

if TYPE_CHECKING:
    from keystall.graphql import payloads
else:
    payloads = later("keystall.graphql.payloads")

MAX_JOBS = 32


class LatePayloads:
    """What webhooks send, rendered by the gateway, which is loaded for the first of them: 22 MB and
    0.7 s that a worker without webhooks never pays. In a thread, so that deliveries go on."""

    async def render(self, installation: Installation, asked: Asked) -> str:
        """See `tenants.webhooks.port.Payloads`."""
        gateway = await asyncio.to_thread(getattr, payloads, "AdminPayloads")
        rendered: str = await gateway().render(installation, asked)
        return rendered


def handlers(desk: MailDesk, hooks: HookDesk) -> dict[str, Handler]:
    """Every kind of work there is."""
    mails: dict[str, Work] = {
        kind: partial(_mail, desk=desk, send=send) for kind, send in MAIL_HANDLERS.items()
    }
    return {
        "payment.apply": Handler(apply_callback),
        "payment.check": Handler(check_payment),
        "order.expire": Handler(expire_order),
        "refund.send": Handler(send_refund),
        "codes.import": Handler(import_codes, timeout=3600),
        "codes.forget_rejects": Handler(forget_rejects, timeout=60),
        SCAN: Handler(scan_listings, timeout=int(LONGEST_SCAN.total_seconds())),
        SWEEP: Handler(sweep_kept, timeout=int(LONGEST.total_seconds())),
        SEND: Handler(partial(_hook, desk=hooks), timeout=40),
        **{kind: Handler(work, timeout=60) for kind, work in mails.items()},
    }


async def _mail(installation: Installation, shop: Any, item: Any, *, desk: Any, send: Any) -> None:
    await send(installation, desk, shop, item)


async def _hook(installation: Installation, shop: Any, item: Any, *, desk: HookDesk) -> None:
    await send_delivery(installation, desk, shop, item)


async def work(settings: Settings) -> None:
    """Runs one worker until it is told to stop (SIGTERM: what has begun is finished first)."""
    async with (
        installed(settings) as installation,
        outside_client(settings.webhook_inside) as outside,
    ):
        await connect(settings)
        try:
            desk = MailDesk(mailer_from(settings), ThemedMails())
            hooks = HookDesk(outside, LatePayloads())

            async def start_relay(ctx: dict[str, Any]) -> None:
                keep_what_start_up_made()
                # arq looks at its queue twice a second; the relay, which knows better, kicks it.
                ctx["tasks"] = [
                    asyncio.create_task(relay(installation.queue, worker._poll_iteration)),
                    asyncio.create_task(count_failed_work()),
                    asyncio.create_task(post_sweeps(installation.queue)),
                    asyncio.create_task(settle_stock(installation.queue)),
                ]

            async def stop_relay(ctx: dict[str, Any]) -> None:
                for task in ctx["tasks"]:
                    task.cancel()
                await asyncio.gather(*ctx["tasks"], return_exceptions=True)

            worker = JobWorker(
                arq_functions(installation, handlers(desk, hooks)),
                redis_settings=Queue.arq_settings(settings.redis_url),
                job_serializer=encode_job,
                job_deserializer=decode_job,
                max_jobs=MAX_JOBS,
                keep_result=0,
                job_completion_wait=8,
                on_startup=start_relay,
                on_shutdown=stop_relay,
            )
            try:
                with suppress(asyncio.CancelledError):  # how arq says that it was told to stop
                    await worker.async_run()
            finally:
                await worker.close()
        finally:
            await database.disconnect()


def main() -> None:
    """What `keystall worker` runs."""
    uvloop.run(work(load_settings()))
