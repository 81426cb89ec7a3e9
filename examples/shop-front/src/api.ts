import { cacheExchange, Client, fetchExchange } from "urql";

import { choices } from "./choices";

/** The shop's own address, where its API is. Another shop is another build. */
export const SHOP = import.meta.env.VITE_SHOP ?? "http://northwind.localhost:8000";

export const client = new Client({
  url: `${SHOP}/graphql/storefront`,
  exchanges: [cacheExchange, fetchExchange],
  // By POST alone: an order's token must not stand in an address, which logs keep.
  preferGetMethod: false,
  fetchOptions: () => ({ headers: headers() }),
});

/** What goes with every request. It is no place for a secret: anyone can read this page's code. */
function headers(): Record<string, string> {
  const { locale, currency } = choices();
  return {
    "x-keystall-locale": locale,
    ...(currency ? { "x-keystall-currency": currency } : {}),
  };
}
