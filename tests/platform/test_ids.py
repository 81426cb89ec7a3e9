from uuid import RFC_4122, UUID

from keystall.platform.ids import new_id


def test_ids_are_standard_version_seven_uuids() -> None:
    made = new_id()

    assert type(made) is UUID
    assert (made.version, made.variant) == (7, RFC_4122)


def test_ids_made_in_turn_are_distinct_and_in_order() -> None:
    made = [new_id() for _ in range(5_000)]

    assert len(set(made)) == 5_000
    assert made == sorted(made)
