import { useState } from "react";
import { useQuery } from "urql";

import { useFront } from "./front";
import { graphql } from "./gql";
import type { ShelfQuery } from "./gql/graphql";
import { link } from "./route";
import { Failed, Html, Loading } from "./states";

const ShelfPage = graphql(/* GraphQL */ `
  query Shelf($after: String) {
    products(first: 12, after: $after) {
      nodes {
        slug
        name
        availability
        images {
          thumbnailUrl
        }
        priceRange {
          min {
            formatted
            minorUnits
          }
          max {
            minorUnits
          }
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`);

/** The products, a page at a time: each page is a query of its own, which begins after a cursor. */
export function Shelf() {
  const { shop } = useFront();
  const [cursors, setCursors] = useState<(string | null)[]>([null]);
  return (
    <>
      <h1 className="for-ears">{shop.name}</h1>
      {shop.noticeHtml && (
        <div className="note">
          <Html html={shop.noticeHtml} />
        </div>
      )}
      {cursors.map((after, index) => (
        <Page
          key={after}
          after={after}
          more={
            index === cursors.length - 1 ? (next) => setCursors([...cursors, next]) : undefined
          }
        />
      ))}
    </>
  );
}

interface PageProps {
  after: string | null;
  more: ((next: string) => void) | undefined;
}

function Page({ after, more }: PageProps) {
  const { words } = useFront();
  const [{ data, error }, again] = useQuery({ query: ShelfPage, variables: { after } });
  if (!data) {
    return error ? <Failed error={error} again={again} words={words} /> : <Loading words={words} />;
  }
  const { nodes, pageInfo } = data.products;
  if (after === null && nodes.length === 0) return <p className="state">{words.empty}</p>;
  const next = pageInfo.hasNextPage ? pageInfo.endCursor : null;
  return (
    <>
      <ul className="shelf">
        {nodes.map((product) => (
          <Card key={product.slug} product={product} />
        ))}
      </ul>
      {next && more && (
        <button type="button" className="more" onClick={() => more(next)}>
          {words.more}
        </button>
      )}
    </>
  );
}

type CardProduct = ShelfQuery["products"]["nodes"][number];

function Card({ product }: { product: CardProduct }) {
  const [image] = product.images;
  return (
    <li>
      <a className="card" href={link.product(product.slug)}>
        <span className="picture">{image && <img src={image.thumbnailUrl} alt="" />}</span>
        <strong>{product.name}</strong>
        <Price product={product} />
      </a>
    </li>
  );
}

function Price({ product }: { product: CardProduct }) {
  const { words } = useFront();
  const { priceRange, availability } = product;
  if (!priceRange) return <span className="soft">{words.unpriced}</span>;
  const { min, max } = priceRange;
  return (
    <span className="price">
      {min.minorUnits < max.minorUnits ? words.from(min.formatted) : min.formatted}
      {availability === "SOLD_OUT" && <em>{words.soldOut}</em>}
      {availability === "LOW" && <em className="few">{words.few}</em>}
    </span>
  );
}
