"""Faults of documents in the language of whoever saves them."""

import pytest
from graphql import GraphQLError

from keystall.graphql.faults import LONGEST, fault_reason
from keystall.graphql.storefront.schema import schema as storefront

LANGUAGES = ("en", "zh-CN")


def fault_in(document: str) -> GraphQLError:
    try:
        read = storefront.documents.read(document)
    except GraphQLError as error:
        return error
    return read.faults[0]


@pytest.mark.parametrize(
    ("document", "english", "chinese"),
    [
        ("{ shop { zzqq } }", "There is no field “zzqq” on the type “Shop”.",
         "类型“Shop”没有字段“zzqq”。"),
        ("{ shop(slug: 1) { name } }", "“Query.shop” takes no argument “slug”.",
         "“Query.shop”没有参数“slug”。"),
        ("{ shop { name @skip(if: true, or: 1) } }", "“@skip” takes no argument “or”.",
         "“@skip”没有参数“or”。"),
        ("{ shop { ... on Stall { name } } }", "There is no type “Stall”.",
         "没有名为“Stall”的类型。"),
        ("{ shop { ...Head } }", "There is no fragment “Head”.", "没有名为“Head”的片段。"),
        ("{ shop }", "The field “shop” is of the type “Shop!”: say in braces which fields of it.",
         "字段“shop”的类型是“Shop!”，请在花括号中写明要取哪些子字段。"),
        ("{ shop { name { first } } }",
         "The field “name” is of the type “String!”, which has no fields: leave out its braces.",
         "字段“name”的类型是“String!”，没有子字段，请去掉花括号。"),
        ("{ product { name } }",
         "“Query.product” needs the argument “slug”, of the type “String!”.",
         "“Query.product”缺少必填参数“slug”（类型“String!”）。"),
        ("{ product(slug: $slug) { name } }", "The variable “$slug” is not declared.",
         "变量“$slug”没有声明。"),
        ("query Q($slug: String!) { shop { name } }",
         "The variable “$slug” is declared and not used.", "变量“$slug”声明了却没有使用。"),
        ("{ shop { name } } fragment F on Shop { name }", "The fragment “F” is not used.",
         "片段“F”没有使用。"),
        ("{\n  shop { name", "Line 2, column 14: Name is expected, not <EOF>.",
         "第 2 行第 14 列：这里应为 Name，却是 <EOF>。"),
        ("shop { name }", "Line 1, column 1: Name 'shop' is not expected here.",
         "第 1 行第 1 列：这里不应出现 Name 'shop'。"),
        ('{ shop(a: "b) { name } }', "Line 1, column 25: Unterminated string.",
         "第 1 行第 25 列：Unterminated string."),
    ],
)  # fmt: skip
def test_the_usual_faults_are_told_with_their_names(
    document: str, english: str, chinese: str
) -> None:
    assert [fault_reason(fault_in(document), one) for one in LANGUAGES] == [english, chinese]


def test_what_may_have_been_meant_comes_along() -> None:
    fault = GraphQLError("Unknown type 'Produkt'. Did you mean 'Product' or 'Products'?")
    assert [fault_reason(fault, one) for one in LANGUAGES] == [
        "There is no type “Produkt”. Perhaps: Product, Products.",
        "没有名为“Produkt”的类型。是否想写：Product, Products？",
    ]


def test_a_fault_of_another_kind_stays_as_it_is() -> None:
    fault = GraphQLError("Something that nobody has seen before.")
    assert fault_reason(fault, "zh-CN") == "Something that nobody has seen before."


@pytest.mark.parametrize("locale", LANGUAGES)
def test_names_without_end_are_cut(locale: str) -> None:
    told = fault_reason(fault_in("{ " + "n" * 30_000 + " }"), locale)
    assert "n" * 60 + "…" in told
    assert len(told) < LONGEST
