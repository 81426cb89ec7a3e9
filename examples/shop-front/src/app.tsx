import { useEffect, useRef } from "react";
import { useQuery } from "urql";

import { Cart } from "./cart";
import { useCart } from "./carts";
import { choices, choose, nearest, type Locale } from "./choices";
import { FrontContext, useFront, type Front } from "./front";
import { graphql } from "./gql";
import type { FrameQuery } from "./gql/graphql";
import { Order } from "./order";
import { Product } from "./product";
import { link, useRoute, type Route } from "./route";
import { Shelf } from "./shelf";
import { Failed, Html, Loading } from "./states";
import { WORDS } from "./words";

const Frame = graphql(/* GraphQL */ `
  query Frame {
    shop {
      name
      status
      noticeHtml
      policiesHtml
      contact
      locales
      defaultLocale
      currencies
      defaultCurrency
      logo {
        thumbnailUrl
      }
      paymentMethods {
        id
        name
        testMode
      }
    }
  }
`);

const NAMES: Record<Locale, string> = { en: "English", "zh-CN": "中文" };

export function App() {
  const [{ data, error }, again] = useQuery({ query: Frame });
  const words = WORDS[choices().locale];
  if (!data) {
    return error ? <Failed error={error} again={again} words={words} /> : <Loading words={words} />;
  }
  const locale = spoken(data.shop);
  const front: Front = { shop: data.shop, locale, words: WORDS[locale] };
  return (
    <FrontContext value={front}>
      <Header />
      <Main />
      <Footer />
    </FrontContext>
  );
}

/** The language chosen, where the shop speaks it: the API answers in the shop's own otherwise. */
function spoken(shop: FrameQuery["shop"]): Locale {
  const { locale } = choices();
  return shop.locales.includes(locale) ? locale : nearest(shop.defaultLocale);
}

function Header() {
  const { shop, locale, words } = useFront();
  const { cart } = useCart();
  const count = cart && !cart.completed ? cart.itemCount : 0;
  const currency = choices().currency ?? shop.defaultCurrency;
  return (
    <header>
      <a className="brand" href={link.shelf}>
        {shop.logo && <img src={shop.logo.thumbnailUrl} alt="" width="32" height="32" />}
        <span>{shop.name}</span>
      </a>
      <nav>
        {shop.locales.length > 1 && (
          <select
            aria-label={words.language}
            value={locale}
            onChange={(event) => choose("locale", event.target.value)}
          >
            {shop.locales.map((tag) => (
              <option key={tag} value={tag}>
                {NAMES[nearest(tag)]}
              </option>
            ))}
          </select>
        )}
        {shop.currencies.length > 1 && (
          <select
            aria-label={words.currency}
            value={currency}
            onChange={(event) => choose("currency", event.target.value)}
          >
            {shop.currencies.map((code) => (
              <option key={code}>{code}</option>
            ))}
          </select>
        )}
        <a className="to-cart" href={link.cart}>
          {words.cart}
          {count > 0 && <b>{count}</b>}
        </a>
      </nav>
    </header>
  );
}

function Main() {
  const route = useRoute();
  const { shop, words } = useFront();
  const main = useRef<HTMLElement>(null);
  const place = JSON.stringify(route);
  const arrived = useRef(place);
  useEffect(() => {
    document.documentElement.lang = choices().locale;
    document.title = shop.name;
    if (arrived.current === place) return;
    arrived.current = place;
    scrollTo(0, 0);
    main.current?.focus({ preventScroll: true });
  }, [place, shop.name]);
  return (
    <main ref={main} tabIndex={-1}>
      {shop.status !== "OPEN" && <p className="note">{words.close}</p>}
      <Page route={route} />
    </main>
  );
}

function Page({ route }: { route: Route }) {
  switch (route.page) {
    case "shelf":
      return <Shelf />;
    case "product":
      return <Product key={route.slug} slug={route.slug} />;
    case "cart":
      return <Cart />;
    case "order":
      return <Order key={route.token} token={route.token} />;
  }
}

function Footer() {
  const { shop, words } = useFront();
  return (
    <footer>
      {shop.contact && <p>{words.contact(shop.contact)}</p>}
      {shop.policiesHtml && (
        <details>
          <summary>{words.policies}</summary>
          <Html html={shop.policiesHtml} />
        </details>
      )}
    </footer>
  );
}
