import { createContext, use } from "react";

import type { Locale } from "./choices";
import type { FrameQuery } from "./gql/graphql";
import type { Words } from "./words";

/** What every page has: the shop, and the language that it and the visitor speak. */
export interface Front {
  shop: FrameQuery["shop"];
  locale: Locale;
  words: Words;
}

export const FrontContext = createContext<Front | null>(null);

export function useFront(): Front {
  const front = use(FrontContext);
  if (!front) throw new Error("useFront is for what <App> shows");
  return front;
}
