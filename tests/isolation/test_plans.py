"""Plans against the stock executor, on shops that have something of everything."""

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from keystall.graphql.executor import SCHEMAS, Surface
from tests.graphql.plans.agreement import agreeing
from tests.isolation.documents import documents
from tests.isolation.leaks import SHOP_SURFACES, Shops, built


@pytest.mark.parametrize("surface", SHOP_SURFACES)
@settings(
    max_examples=60,
    # A shorter document is not worth minutes of a database's time.
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data())
async def test_whatever_is_asked_is_answered_alike_to_the_byte(
    shops: Shops, surface: Surface, data: st.DataObject
) -> None:
    goods = shops.mine
    texts = (*goods.ids.values(), *goods.words.values(), *shops.theirs.ids.values(), "", "none")
    text, variables = data.draw(documents(built(surface), texts))
    assume(not SCHEMAS[surface].documents.read(text).faults)
    with agreeing() as agreement:
        answer = await shops.ask(surface, goods, text, dict(variables))
    if "errors" not in answer:
        assert agreement.ways == {"query by its plan": 1}
