from uuid import RFC_4122, UUID

from keystall.platform.ids import new_id, new_row_id


def test_ids_are_standard_version_seven_uuids() -> None:
    made = new_id()

    assert type(made) is UUID
    assert (made.version, made.variant) == (7, RFC_4122)


def test_ids_made_in_turn_are_distinct_and_in_order() -> None:
    made = [new_id() for _ in range(5_000)]

    assert len(set(made)) == 5_000
    assert made == sorted(made)


def test_an_id_for_a_row_is_one_like_any_other_and_sorts_after_those_before() -> None:
    made = [new_row_id() for _ in range(1000)]

    assert made == sorted(set(made))
    assert {(one.version, one.variant) for one in made} == {(7, RFC_4122)}
    assert UUID(str(made[0])) == made[0]
    assert hash(UUID(str(made[0]))) == hash(made[0])
