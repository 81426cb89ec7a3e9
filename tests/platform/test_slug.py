import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystall.platform.slug import RESERVED_SLUGS, is_shop_slug, is_valid_slug, slug_like, slugify


@pytest.mark.parametrize("slug", ["abc", "a1b", "plum-tree", "a-b", "123", "x" * 40, "a-1-b-2"])
def test_valid_slugs(slug: str) -> None:
    assert is_valid_slug(slug)


@pytest.mark.parametrize(
    "slug",
    [
        "", "ab", "x" * 41, "-abc", "abc-", "a--b", "xn--fiq228c", "Abc", "a_b", "a.b", "a b",
        "abc\n", "ａｂｃ", "é-t-é", "١٢٣", "店铺店铺", "a/b", "abc\0",
    ],
)  # fmt: skip
def test_invalid_slugs(slug: str) -> None:
    assert not is_valid_slug(slug)
    assert not is_shop_slug(slug)


@pytest.mark.parametrize(
    "slug",
    [
        "www",
        "api",
        "pay",
        "mail",
        "admin",
        "console",
        "operator",
        "static",
        "assets",
        "cdn",
        "status",
        "help",
        "support",
        "blog",
        "app",
        "graphql",
        "localhost",
        "test",
    ],
)
def test_names_the_installation_needs_are_no_shops(slug: str) -> None:
    assert slug in RESERVED_SLUGS
    assert not is_shop_slug(slug)


def test_reserved_names_are_all_in_lower_case_so_that_each_can_match() -> None:
    assert {name.lower().strip() for name in RESERVED_SLUGS} == RESERVED_SLUGS


def test_a_number_alone_is_no_shop_but_may_be_a_product() -> None:
    assert is_valid_slug("2130706433")
    assert not is_shop_slug("2130706433")
    assert is_shop_slug("plum-tree-7")


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Plum Tree", "plum-tree"),
        ("  Plum   Tree!  ", "plum-tree"),
        ("Café Zürich", "cafe-zurich"),
        ("Joe's Keys & Cards", "joes-keys-cards"),
        ("Steam 充值卡 100元", "steam-100"),
        ("ＡＢＣ　１２３", "abc-123"),
        ("梅花商店", ""),
        ("A", ""),
        ("---", ""),
        ("", ""),
        ("x" * 60, "x" * 40),
        ("x" * 39 + " tail", "x" * 39),
    ],
)
def test_names_become_slugs(name: str, slug: str) -> None:
    assert slugify(name) == slug


@given(st.text(max_size=80))
def test_a_made_slug_is_valid_or_empty_and_stays_itself(name: str) -> None:
    slug = slugify(name)

    assert slug == "" or is_valid_slug(slug)
    assert slugify(slug) == slug


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("Moon Cards!", "moon-cards"),
        ("星河", "moon-cards"),
        ("Admin", "moon-cards"),
        ("Lulu", "lulu"),
    ],
)
def test_a_refused_slug_is_answered_with_one_that_can_be_had(text: str, slug: str) -> None:
    assert slug_like(text) == slug
