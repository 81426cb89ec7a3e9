import { useState, useSyncExternalStore } from "react";
import { useClient, useMutation, useQuery } from "urql";

import { SHOP } from "./api";
import { useFront } from "./front";
import { graphql } from "./gql";
import type { CartLineInput } from "./gql/graphql";
import { reason } from "./states";

graphql(/* GraphQL */ `
  fragment CartErrors on CartUserError {
    path
    message
    code
  }
`);

const CartById = graphql(/* GraphQL */ `
  query Cart($id: ID!) {
    cart(id: $id) {
      id
      completed
      order {
        token
      }
      itemCount
      email
      total {
        formatted
      }
      lines {
        id
        quantity
        total {
          formatted
        }
        variant {
          name
          minQuantity
          maxQuantity
          product {
            name
            slug
            images {
              thumbnailUrl
            }
          }
        }
      }
      problems {
        lineId
        message
      }
      buyerFields {
        value
        field {
          key
          label
          required
          kind
          placeholder
          options
        }
      }
    }
  }
`);

const CartStart = graphql(/* GraphQL */ `
  mutation CartStart($lines: [CartLineInput!]!) {
    cartCreate(input: { lines: $lines }) {
      cart {
        id
      }
      userErrors {
        ...CartErrors
      }
    }
  }
`);

const CartAdd = graphql(/* GraphQL */ `
  mutation CartAdd($cartId: ID!, $lines: [CartLineInput!]!) {
    cartLinesAdd(cartId: $cartId, lines: $lines) {
      cart {
        id
      }
      userErrors {
        ...CartErrors
      }
    }
  }
`);

/** The cart's id is the key to it; `key` is for the one order that is made of it. */
export interface HeldCart {
  id: string;
  key: string;
}

const PLACE = `cart of ${SHOP}`;
const CHANGED = "cart-changed";

function hold(id: string): void {
  localStorage.setItem(PLACE, JSON.stringify({ id, key: newKey() } satisfies HeldCart));
  dispatchEvent(new Event(CHANGED));
}

/** A text of our own: sent again with the same one, an order is not made twice. */
export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function useCart() {
  const text = useSyncExternalStore(listen, () => localStorage.getItem(PLACE));
  const held = text ? (JSON.parse(text) as HeldCart) : null;
  const [{ data, error, fetching }, again] = useQuery({
    query: CartById,
    variables: { id: held?.id ?? "" },
    pause: !held,
  });
  return { held, cart: held ? (data?.cart ?? null) : null, error, fetching, again };
}

function listen(changed: () => void): () => void {
  addEventListener(CHANGED, changed);
  addEventListener("storage", changed);
  return () => {
    removeEventListener(CHANGED, changed);
    removeEventListener("storage", changed);
  };
}

/** Puts a variant into the cart, or into a new one where the old one is gone or was ordered. */
export function useAdding() {
  const { words } = useFront();
  const client = useClient();
  const [, start] = useMutation(CartStart);
  const { held } = useCart();
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string>();

  async function put(lines: CartLineInput[]): Promise<string | undefined> {
    if (held) {
      const { data, error } = await client.mutation(CartAdd, { cartId: held.id, lines });
      if (!data) return error && reason({ error, words });
      const [wrong] = data.cartLinesAdd.userErrors;
      if (wrong?.path[0] !== "cartId") return wrong?.message;
    }
    const { data, error } = await start({ lines });
    if (!data) return error && reason({ error, words });
    const { cart, userErrors } = data.cartCreate;
    if (cart) hold(cart.id);
    return userErrors[0]?.message;
  }

  async function add(variantId: string, quantity: number): Promise<boolean> {
    setBusy(true);
    const wrong = await put([{ variantId, quantity }]);
    setProblem(wrong);
    setBusy(false);
    return wrong === undefined;
  }

  return { add, busy, problem };
}
