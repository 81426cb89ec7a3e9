"""Putting sealed codes in a table by COPY: the least that an import can cost."""

import os
import time

import asyncpg

_TABLE = """
drop table if exists stock_code;
create table stock_code (
  id bigint primary key generated always as identity, tenant_id bigint not null,
  product_id bigint not null, secret bytea not null, lookup bytea not null,
  status smallint not null, unique (tenant_id, lookup));
"""
_COLUMNS = ["tenant_id", "product_id", "secret", "lookup", "status"]


async def copied(address: str, rows: int) -> float:
    """Seconds to copy `rows` rows into an empty table with a primary key and a unique lookup.

    They are sealed and hashed before the clock starts, in no order, and of the size of a real one:
    64 bytes sealed, 32 of lookup.
    """
    sealed = os.urandom(64)
    records = [(1, 42, sealed, os.urandom(32), 0) for _ in range(rows)]
    connection = await asyncpg.connect(address)
    try:
        await connection.execute(_TABLE)
        began = time.perf_counter()
        await connection.copy_records_to_table("stock_code", records=records, columns=_COLUMNS)
        took = time.perf_counter() - began
        await connection.execute("drop table stock_code; checkpoint")
    finally:
        await connection.close()
    return took
