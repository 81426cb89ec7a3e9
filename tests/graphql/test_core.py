"""The executor, its limits and its errors."""

from collections.abc import Callable
from uuid import UUID

import pytest
from graphql import get_introspection_query

from keystall.graphql import ids, operation, relay
from keystall.graphql.context import RequestContext
from keystall.graphql.errors import INTERNAL_MESSAGE, ApiError
from keystall.graphql.operation import NotAllowed, run
from keystall.graphql.schema import KeystallSchema

Make = Callable[..., RequestContext]


async def test_an_answer_has_plain_data(counting: KeystallSchema, make_context: Make) -> None:
    answer = await run(counting, "{ one { next { value } } }", {}, make_context())
    assert answer.as_json() == {"data": {"one": {"next": {"value": 2}}}}


async def test_a_failure_of_ours_is_masked_and_names_the_request(
    counting: KeystallSchema, make_context: Make
) -> None:
    answer = await run(counting, "{ broken locale }", {}, make_context())
    assert answer.data == {"broken": None, "locale": "en"}
    assert answer.ran
    (error,) = answer.errors
    assert error["message"] == INTERNAL_MESSAGE
    assert error["extensions"] == {"code": "INTERNAL", "requestId": "request-1"}
    assert error["path"] == ["broken"]


async def test_an_error_meant_for_the_client_reaches_it(
    counting: KeystallSchema, make_context: Make
) -> None:
    answer = await run(counting, "{ told }", {}, make_context())
    assert answer.ran
    assert answer.data is None
    assert answer.errors[0]["message"] == "Told to the client."
    assert answer.errors[0]["extensions"]["code"] == "BAD_USER_INPUT"


@pytest.mark.parametrize(
    ("document", "variables"),
    [
        ("{ one {", {}),
        ("{ nothingOfTheKind }", {}),
        ("query ($n: Int!) { double(of: $n) }", {"n": "three"}),
        ("query A { locale } query B { locale }", {}),
        ("fragment F on Query { locale }", {}),
        ("", {}),
    ],
)
async def test_a_request_at_fault_does_not_run(
    counting: KeystallSchema,
    make_context: Make,
    document: str,
    variables: dict[str, object],
) -> None:
    answer = await run(counting, document, variables, make_context())
    assert not answer.ran
    assert "data" not in answer.as_json()
    assert answer.errors[0]["extensions"]["code"] == "BAD_USER_INPUT"


async def test_of_several_operations_the_named_one_runs(
    counting: KeystallSchema, make_context: Make
) -> None:
    document = "query A { locale } query B { one { value } }"
    answer = await run(counting, document, {}, make_context(), operation_name="B")
    assert answer.as_json() == {"data": {"one": {"value": 1}}}


async def test_fields_are_not_suggested(counting: KeystallSchema, make_context: Make) -> None:
    answer = await run(counting, "{ local }", {}, make_context())
    assert answer.errors[0]["message"] == "Cannot query field 'local' on type 'Query'."


async def test_nor_are_arguments_types_and_what_variables_may_hold(
    counting: KeystallSchema, make_context: Make
) -> None:
    for document, variables in (
        ("{ numbers(firts: 1) { nodes { value } } }", {}),
        ("{ ... on Numbr { value } }", {}),
        ("query ($t: [Texts!]!) { said(texts: $t) }", {"t": [{"texd": "a"}]}),
    ):
        answer = await run(counting, document, variables, make_context())
        assert not answer.ran
        assert "Did you mean" not in str(answer.errors)


async def test_a_read_does_not_write(counting: KeystallSchema, make_context: Make) -> None:
    with pytest.raises(NotAllowed):
        await run(counting, "mutation { count }", {}, make_context(), allowed=operation.READING)


@pytest.mark.parametrize(
    ("document", "variables"),
    [
        ("query ($t: [Texts!]!) { said(texts: $t) }", {"t": [{"text": "a\x00b"}]}),
        ("query ($t: [Texts!]!) { said(texts: $t) }", {"t": [{"text": "\ud800"}]}),
        ('{ said(texts: [{text: "\\u0000"}]) }', {}),
    ],
)
async def test_what_no_database_can_keep_is_refused_before_it_runs(
    counting: KeystallSchema, make_context: Make, document: str, variables: dict[str, object]
) -> None:
    answer = await run(counting, document, variables, make_context())
    assert not answer.ran
    assert "cannot be stored" in answer.errors[0]["message"]


NESTED = "next { " * 20 + "value" + " }" * 20
CIRCLE = "{ one { ...A } } fragment A on Number { next { ...A } }"
DOUBLING = "{ one { ...F0 } } " + " ".join(
    f"fragment F{n} on Number {{ a: next {{ ...F{n + 1} }} b: next {{ ...F{n + 1} }} }}"
    for n in range(24)
) + " fragment F24 on Number { value }"  # fmt: skip


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (f"{{ one {{ {NESTED} }} }}", "22 levels of fields"),
        ("{ one { ...A } } fragment A on Number { " + NESTED + " }", "22 levels of fields"),
        (DOUBLING, "26 levels of fields"),
        ("{ " + " ".join(f"a{n}: locale" for n in range(51)) + " }", "51 aliases"),
        ("{ locale " + "@include(if: true) " * 21 + "}", "21 directives"),
        ("mutation { " + " ".join(f"a{n}: count" for n in range(6)) + " }", "6 mutations"),
        (
            "{ numbers { nodes { following { nodes { following(first: 1) {"
            " nodes { value } } } } } } }",
            "3 lists inside one another",
        ),
        (
            "{ numbers { nodes { following { ...F } } } }"
            " fragment F on NumberConnection { nodes { following { ...G } } }"
            " fragment G on NumberConnection { nodes { value } }",
            "3 lists inside one another",
        ),
    ],
)
async def test_a_document_that_asks_too_much_is_refused(
    counting: KeystallSchema, make_context: Make, document: str, said: str
) -> None:
    answer = await run(counting, document, {}, make_context())
    assert not answer.ran
    costly = [e for e in answer.errors if e["extensions"]["code"] == "QUERY_TOO_COSTLY"]
    assert [said in error["message"] for error in costly] == [True]


async def test_a_circle_of_fragments_ends(counting: KeystallSchema, make_context: Make) -> None:
    answer = await run(counting, CIRCLE, {}, make_context())
    assert not answer.ran


async def test_a_document_has_a_number_of_tokens(
    counting: KeystallSchema, make_context: Make
) -> None:
    answer = await run(counting, "{ " + "locale " * 4_000 + "}", {}, make_context())
    assert not answer.ran
    assert "4000 tokens" in answer.errors[0]["message"]


async def test_the_usual_introspection_passes(counting: KeystallSchema, make_context: Make) -> None:
    answer = await run(counting, get_introspection_query(), {}, make_context())
    assert answer.errors == ()


async def test_a_document_is_validated_once(counting: KeystallSchema, make_context: Make) -> None:
    document = "{ one { next { next { value } } } }"
    await run(counting, document, {}, make_context())
    before = counting.documents.read.cache_info()
    await run(counting, document, {}, make_context())
    after = counting.documents.read.cache_info()
    assert (after.hits, after.misses) == (before.hits + 1, before.misses)


async def test_a_list_goes_on_after_its_cursor(
    counting: KeystallSchema, make_context: Make
) -> None:
    document = """query ($first: Int, $after: String) {
        numbers(first: $first, after: $after) {
            nodes { value } edges { cursor node { value } }
            pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }"""
    first = (await run(counting, document, {"first": 2}, make_context())).data
    assert first is not None
    assert first["numbers"]["nodes"] == [{"value": 0}, {"value": 1}]
    assert first["numbers"]["pageInfo"]["hasNextPage"] is True
    assert first["numbers"]["pageInfo"]["hasPreviousPage"] is False
    after = first["numbers"]["pageInfo"]["endCursor"]
    assert after == first["numbers"]["edges"][1]["cursor"]
    second = (await run(counting, document, {"first": 2, "after": after}, make_context())).data
    assert second is not None
    assert second["numbers"]["nodes"] == [{"value": 2}, {"value": 3}]


@pytest.mark.parametrize("variables", [{"first": 101}, {"first": -1}, {"after": "nonsense"}])
async def test_a_page_out_of_bounds_is_refused(
    counting: KeystallSchema, make_context: Make, variables: dict[str, object]
) -> None:
    document = "query ($first: Int, $after: String) { numbers(first: $first, after: $after) "
    answer = await run(counting, document + "{ nodes { value } } }", variables, make_context())
    assert answer.errors[0]["extensions"]["code"] == "BAD_USER_INPUT"


def test_a_cursor_of_another_list_is_refused() -> None:
    cursor = relay.encode_cursor((3, "id"))
    assert relay.decode_cursor(cursor, int, str) == (3, "id")
    with pytest.raises(ApiError):
        relay.decode_cursor(cursor, str, str)
    with pytest.raises(ApiError):
        relay.decode_cursor(relay.encode_cursor((True, "id")), int, str)


ROW = UUID("0197a1b2-0000-7000-8000-0000000000ff")


def test_an_id_names_one_row_of_one_type() -> None:
    text = ids.encode("Product", ROW)
    assert ids.decode(text) == ("Product", ROW)
    assert ids.row_of("Product", text) == ROW


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Product",
        "\u4e2d",
        str(ROW),
        ids.encode("Category", ROW),
        ids.encode("Product", ROW) + "=",
    ],
)
def test_what_is_no_id_of_the_type_is_nowhere(text: str) -> None:
    assert ids.row_of("Product", text) == ids.NOWHERE
