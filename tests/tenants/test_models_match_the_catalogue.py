"""The models against what the database says of itself, and what it must refuse to hold."""

import inspect
from importlib import import_module
from typing import Any

import asyncpg
import pytest
from tortoise import fields
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.fields.base import Field
from tortoise.models import Model

from keystall.tenants.schema import MODELS, TABLES_WITHOUT_SHOP

BOOKKEEPING = {"tortoise_migrations"}

TYPES: dict[type[Field[Any]], set[str]] = {
    fields.UUIDField: {"uuid"},
    fields.TextField: {"text"},
    fields.CharField: {"text"},
    fields.IntField: {"integer"},
    fields.BigIntField: {"bigint"},
    fields.BooleanField: {"boolean"},
    fields.DatetimeField: {"timestamp with time zone"},
    fields.BinaryField: {"bytea"},
    fields.JSONField: {"jsonb"},
    ArrayField: {"ARRAY"},
}


def _models() -> dict[str, type[Model]]:
    """The models by their tables."""
    found = {}
    for name in MODELS:
        for _, model in inspect.getmembers(import_module(name), inspect.isclass):
            if issubclass(model, Model) and model.__module__ == name:
                assert model._meta.db_table not in found, f"two models of {model._meta.db_table}"
                found[model._meta.db_table] = model
    return found


async def _columns(owner_url: str) -> dict[str, dict[str, asyncpg.Record]]:
    """Columns by table and name."""
    connection = await asyncpg.connect(owner_url)
    try:
        rows = await connection.fetch(
            "select table_name, column_name, data_type, is_nullable = 'YES' as nullable,"
            " column_default is not null or is_identity = 'YES' as given"
            " from information_schema.columns where table_schema = 'public'"
        )
    finally:
        await connection.close()
    tables: dict[str, dict[str, asyncpg.Record]] = {}
    for row in rows:
        tables.setdefault(row["table_name"], {})[row["column_name"]] = row
    return tables


async def test_every_table_has_its_model_or_stands_on_a_closed_list(owner_url: str) -> None:
    tables = await _columns(owner_url)
    assert set(_models()) == set(tables) - TABLES_WITHOUT_SHOP - BOOKKEEPING


@pytest.mark.parametrize("table", sorted(_models()))
async def test_a_model_has_exactly_the_columns_of_its_table(owner_url: str, table: str) -> None:
    columns = (await _columns(owner_url))[table]
    model = _models()[table]
    described = {
        model._meta.fields_db_projection[name]: field
        for name, field in model._meta.fields_map.items()
    }

    assert set(described) == set(columns)
    for name, field in described.items():
        kinds = [types for kind, types in TYPES.items() if isinstance(field, kind)]
        assert kinds, f"{table}.{name}: a field of unknown kind"
        assert any(columns[name]["data_type"] in types for types in kinds), f"{table}.{name}"
        assert field.null == columns[name]["nullable"], f"{table}.{name}: whether it may be null"


async def test_times_are_kept_with_their_zone_and_money_in_whole_minor_units(
    owner_url: str,
) -> None:
    kinds = {
        f"{table}.{name}": row["data_type"]
        for table, columns in (await _columns(owner_url)).items()
        if table not in BOOKKEEPING
        for name, row in columns.items()
    }
    money = {"amount", "fee", "refunded", "total", "unit_price"}
    inexact = {"real", "double precision", "numeric", "money"}
    assert [name for name, kind in kinds.items() if kind == "timestamp without time zone"] == []
    assert [name for name, kind in kinds.items() if kind in inexact] == []
    assert {kind for name, kind in kinds.items() if name.split(".")[1] in money} == {"bigint"}
