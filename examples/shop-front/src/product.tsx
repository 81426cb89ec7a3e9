import { useState } from "react";
import { useQuery } from "urql";

import { useAdding } from "./carts";
import { useFront } from "./front";
import { graphql } from "./gql";
import type { ProductQuery } from "./gql/graphql";
import { Quantity } from "./quantity";
import { go, link } from "./route";
import { Failed, Html, Loading, Nothing, Problem } from "./states";

const ProductBySlug = graphql(/* GraphQL */ `
  query Product($slug: String!) {
    product(slug: $slug) {
      name
      descriptionHtml
      images {
        url
        width
        height
        alt
      }
      variants {
        id
        name
        availability
        minQuantity
        maxQuantity
        price {
          formatted
        }
      }
    }
  }
`);

type Found = NonNullable<ProductQuery["product"]>;
type Variant = Found["variants"][number];

export function Product({ slug }: { slug: string }) {
  const { words } = useFront();
  const [{ data, error }, again] = useQuery({ query: ProductBySlug, variables: { slug } });
  if (!data) {
    return error ? <Failed error={error} again={again} words={words} /> : <Loading words={words} />;
  }
  const { product } = data;
  if (!product) return <Nothing words={words} text={words.gone} />;
  const [image] = product.images;
  return (
    <article className="product">
      {image && <img src={image.url} width={image.width} height={image.height} alt={image.alt} />}
      <div>
        <h1>{product.name}</h1>
        <Buying product={product} />
        <Html html={product.descriptionHtml} />
      </div>
    </article>
  );
}

const canBuy = ({ price, availability }: Variant) => price && availability !== "SOLD_OUT";

function Buying({ product }: { product: Found }) {
  const { words, shop } = useFront();
  const [chosen, setChosen] = useState(() => product.variants.find(canBuy));
  const [quantity, setQuantity] = useState(chosen?.minQuantity ?? 1);
  const { add, busy, problem } = useAdding();
  const choose = (variant: Variant) => {
    setChosen(variant);
    setQuantity(variant.minQuantity);
  };
  return (
    <form
      onSubmit={async (event) => {
        event.preventDefault();
        if (chosen && (await add(chosen.id, quantity))) go(link.cart);
      }}
    >
      <fieldset>
        <legend>{words.which}</legend>
        {product.variants.map((variant) => (
          <label key={variant.id} className="choice">
            <input
              type="radio"
              name="variant"
              checked={chosen?.id === variant.id}
              disabled={!canBuy(variant)}
              onChange={() => choose(variant)}
            />
            <span>{variant.name || product.name}</span>
            <Standing variant={variant} />
          </label>
        ))}
      </fieldset>
      {chosen && shop.status === "OPEN" && (
        <>
          <div className="row">
            <Quantity
              value={quantity}
              least={chosen.minQuantity}
              most={chosen.maxQuantity}
              change={setQuantity}
            />
            <span className="soft">
              {chosen.minQuantity > 1 && `${words.minimum(chosen.minQuantity)} · `}
              {words.limit(chosen.maxQuantity)}
            </span>
          </div>
          <button className="main" disabled={busy}>
            {words.add}
          </button>
        </>
      )}
      <Problem text={problem} />
    </form>
  );
}

function Standing({ variant }: { variant: Variant }) {
  const { words } = useFront();
  if (!variant.price) return <span className="soft">{words.unpriced}</span>;
  return (
    <span className="price">
      {variant.availability === "SOLD_OUT" && <em>{words.soldOut}</em>}
      {variant.availability === "LOW" && <em className="few">{words.few}</em>}
      {variant.price.formatted}
    </span>
  );
}
