"""Pools of connections to PostgreSQL, as an engine of Tortoise's."""

from typing import Any

import asyncpg
from tortoise.backends.asyncpg.client import AsyncpgDBClient


class _Pool(asyncpg.Pool):  # type: ignore[misc]  # asyncpg ships no types
    """Takes connections back at once.

    asyncpg does it in a task of its own, so that who is cancelled meanwhile loses no connection:
    a third of what a short statement costs. But there is nothing to wait for, unless a statement is
    being cancelled, and its holder ends the connection where it is cancelled while it waits for
    that.
    """

    __slots__ = ()

    async def release(self, connection: Any, *, timeout: float | None = None) -> None:  # noqa: ASYNC109 its own
        if connection._con is None:  # given back already
            return
        connection._con._on_release()
        await connection._holder.release(timeout)


class _Client(AsyncpgDBClient):
    async def create_pool(self, **given: Any) -> asyncpg.Pool:
        defaults = {
            "max_queries": 50_000,
            "max_inactive_connection_lifetime": 300.0,
            "record_class": asyncpg.Record,
        }  # asyncpg.create_pool's own
        return await _Pool(None, **(defaults | given))


client_class = _Client
"""By this name Tortoise looks for it."""
