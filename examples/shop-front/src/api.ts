import { cacheExchange, Client, fetchExchange } from "urql";

import { choices } from "./choices";

/** The shop's own address, where its API is. Another shop is another build. */
export const SHOP = import.meta.env.VITE_SHOP ?? "http://northwind.localhost:8000";

/**
 * A storefront token, where the shop has made one for this site. It is public, as all of this is: it
 * tells the shop whose code asks, and lets buyers come back here after paying.
 */
export const TOKEN = import.meta.env.VITE_SHOP_TOKEN;

export const client = new Client({
  url: `${SHOP}/graphql/storefront`,
  exchanges: [cacheExchange, fetchExchange],
  // By POST alone: an order's token must not stand in an address, which logs keep.
  preferGetMethod: false,
  // Subscriptions come as server-sent events, over the same endpoint.
  fetchSubscriptions: true,
  fetchOptions: () => ({ headers: headers() }),
});

/** What goes with every request. */
function headers(): Record<string, string> {
  const { locale, currency } = choices();
  return {
    "x-keystall-locale": locale,
    ...(TOKEN ? { "x-keystall-storefront-token": TOKEN } : {}),
    ...(currency ? { "x-keystall-currency": currency } : {}),
  };
}
