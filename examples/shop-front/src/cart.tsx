import { useMutation } from "urql";

import { useCart } from "./carts";
import { Checkout } from "./checkout";
import { useFront } from "./front";
import { graphql } from "./gql";
import type { CartQuery } from "./gql/graphql";
import { Quantity } from "./quantity";
import { link } from "./route";
import { Failed, Loading, Nothing, Problem } from "./states";

const CartUpdate = graphql(/* GraphQL */ `
  mutation CartUpdate($cartId: ID!, $lines: [CartLineUpdateInput!]!) {
    cartLinesUpdate(cartId: $cartId, lines: $lines) {
      cart {
        id
      }
      userErrors {
        ...CartErrors
      }
    }
  }
`);

export type CartFound = NonNullable<CartQuery["cart"]>;
type Line = CartFound["lines"][number];

export function Cart() {
  const { words } = useFront();
  const { held, cart, error, fetching, again } = useCart();
  if (held && !cart) {
    if (error) return <Failed error={error} again={again} words={words} />;
    if (fetching) return <Loading words={words} />;
  }
  if (cart?.order) {
    return (
      <Nothing words={words} text={words.ordered}>
        <a className="button main" href={link.order(cart.order.token)}>
          {words.toOrder}
        </a>
      </Nothing>
    );
  }
  if (!held || !cart || cart.lines.length === 0) return <Nothing words={words} text={words.emptyCart} />;
  return (
    <>
      <h1>{words.cart}</h1>
      <div className="columns">
        <section>
          <ul className="lines">
            {cart.lines.map((line) => (
              <CartLine key={line.id} cart={cart} line={line} />
            ))}
          </ul>
          <p className="total">
            {words.total} <strong>{cart.total.formatted}</strong>
          </p>
        </section>
        <Checkout cart={cart} idempotencyKey={held.key} />
      </div>
    </>
  );
}

function CartLine({ cart, line }: { cart: CartFound; line: Line }) {
  const { words } = useFront();
  const [{ data, fetching }, update] = useMutation(CartUpdate);
  const { product, name, minQuantity, maxQuantity } = line.variant;
  const change = (quantity: number) =>
    update({ cartId: cart.id, lines: [{ id: line.id, quantity }] });
  const problem =
    data?.cartLinesUpdate.userErrors[0]?.message ??
    cart.problems.find(({ lineId }) => lineId === line.id)?.message;
  const [image] = product.images;
  return (
    <li>
      <span className="picture">{image && <img src={image.thumbnailUrl} alt="" />}</span>
      <div>
        <a href={link.product(product.slug)}>{product.name}</a>
        {name && <span className="soft">{name}</span>}
        <div className="row">
          <Quantity
            value={line.quantity}
            least={minQuantity}
            most={maxQuantity}
            change={change}
            disabled={fetching}
          />
          <button type="button" className="plain" disabled={fetching} onClick={() => change(0)}>
            {words.remove}
          </button>
        </div>
        <Problem text={problem} />
      </div>
      <span className="price">{line.total?.formatted}</span>
    </li>
  );
}
