"""The ground that every database test stands on."""

from urllib.parse import urlsplit

import asyncpg
from redis.asyncio import Redis

from keystall.platform import database as pools
from keystall.platform.settings import Settings


async def test_a_worker_has_its_own_migrated_database_and_is_not_its_master(
    database: None, settings: Settings, owner_url: str
) -> None:
    async with pools.transaction(None) as tx:
        role = await tx.value("SELECT current_user::text")
        name = await tx.value("SELECT current_database()::text")
    owner = await asyncpg.connect(owner_url)
    tables = await owner.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
    await owner.close()

    assert role == "keystall_app"
    assert urlsplit(settings.database_url).path == f"/{name}"
    assert tables > 10


async def test_redis_answers(redis_url: str) -> None:
    async with Redis.from_url(redis_url) as client:
        assert await client.ping() is True
