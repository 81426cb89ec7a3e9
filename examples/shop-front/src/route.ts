import { useSyncExternalStore } from "react";

/**
 * Which page is shown stands behind the # of the address: any static host will do, and what
 * follows a # is never sent to one, which keeps the order's token out of logs.
 */
export type Route =
  | { page: "shelf" }
  | { page: "product"; slug: string }
  | { page: "cart" }
  | { page: "order"; token: string };

export const link = {
  shelf: "#/",
  cart: "#/cart",
  product: (slug: string) => `#/product/${encodeURIComponent(slug)}`,
  order: (token: string) => `#/order/${token}`,
};

export function go(to: string): void {
  location.hash = to;
}

export function useRoute(): Route {
  return read(useSyncExternalStore(listen, () => location.hash));
}

function listen(changed: () => void): () => void {
  addEventListener("hashchange", changed);
  return () => removeEventListener("hashchange", changed);
}

function read(hash: string): Route {
  const [, page, name = ""] = hash.split("/");
  if (page === "product") return { page, slug: decodeURIComponent(name) };
  if (page === "order") return { page, token: name };
  return page === "cart" ? { page } : { page: "shelf" };
}
