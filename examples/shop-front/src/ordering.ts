import { useState } from "react";
import { useMutation } from "urql";

import { TOKEN } from "./api";
import type { CartFound } from "./cart";
import { useFront } from "./front";
import { graphql } from "./gql";
import type { CartErrorsFragment } from "./gql/graphql";
import { go, link } from "./route";
import { reason } from "./states";

const CartBuyer = graphql(/* GraphQL */ `
  mutation CartBuyer($cartId: ID!, $input: CartBuyerInput!) {
    cartBuyerUpdate(cartId: $cartId, input: $input) {
      cart {
        id
      }
      userErrors {
        ...CartErrors
      }
    }
  }
`);

const CartComplete = graphql(/* GraphQL */ `
  mutation CartComplete($cartId: ID!, $method: ID!, $key: String!, $returnUrl: String) {
    cartComplete(
      cartId: $cartId
      paymentMethod: $method
      idempotencyKey: $key
      returnUrl: $returnUrl
    ) {
      order {
        token
      }
      redirectUrl
      userErrors {
        ...CartErrors
      }
    }
  }
`);

/** Where the payment page leads back to: the API puts the order's token into its place. */
const returnUrl = TOKEN ? location.href.split("#")[0] + link.order("{token}") : null;

/** Why something was refused; `path` leads to the field, and is empty where it is about it all. */
export type Refusal = Pick<CartErrorsFragment, "path" | "message">;

/**
 * Who buys goes into the cart, then the cart becomes an order. Sent again with the same key it is
 * the same order, so a buyer whose train was in a tunnel presses the button again.
 */
export function useOrdering(cart: CartFound, key: string) {
  const { words } = useFront();
  const [, tellBuyer] = useMutation(CartBuyer);
  const [, complete] = useMutation(CartComplete);
  const [busy, setBusy] = useState(false);
  const [refusals, setRefusals] = useState<Refusal[]>([]);

  async function place(form: FormData): Promise<Refusal[]> {
    const told = (name: string) => String(form.get(name) ?? "").trim();
    const buyerFields = cart.buyerFields.map(({ field }) => ({
      key: field.key,
      value: told(`answer ${field.key}`),
    }));
    const buyer = await tellBuyer({
      cartId: cart.id,
      input: { email: told("email"), buyerFields },
    });
    if (!buyer.data) return unserved(buyer);
    if (buyer.data.cartBuyerUpdate.userErrors.length > 0) {
      return buyer.data.cartBuyerUpdate.userErrors;
    }
    const done = await complete(
      { cartId: cart.id, method: told("method"), key, returnUrl },
      { additionalTypenames: ["Cart"] },
    );
    if (!done.data) return unserved(done);
    const { order, redirectUrl, userErrors } = done.data.cartComplete;
    if (order) go(link.order(order.token));
    if (redirectUrl && returnUrl) location.assign(redirectUrl);
    return userErrors;
  }

  const unserved = ({ error }: { error?: Parameters<typeof reason>[0]["error"] }): Refusal[] =>
    error ? [{ path: [], message: reason({ error, words }) }] : [];

  async function order(form: FormData): Promise<void> {
    setBusy(true);
    setRefusals(await place(form));
    setBusy(false);
  }

  return { order, busy, refusals };
}
