import { useEffect, useState } from "react";
import { useMutation, useQuery } from "urql";

import { TOKEN } from "./api";
import { newKey } from "./carts";
import { Codes } from "./codes";
import { useFront } from "./front";
import { graphql } from "./gql";
import type { OrderQuery } from "./gql/graphql";
import { link } from "./route";
import { Failed, Loading, Nothing, Problem } from "./states";

const OrderByToken = graphql(/* GraphQL */ `
  query Order($token: String!) {
    order(token: $token) {
      number
      status
      statusNote
      paymentUrl
      expiresAt
      email
      total {
        formatted
      }
      lines {
        id
        productName
        variantName
        quantity
        total {
          formatted
        }
      }
    }
  }
`);

const OrderCancel = graphql(/* GraphQL */ `
  mutation OrderCancel($token: String!, $key: String!) {
    orderCancel(token: $token, idempotencyKey: $key) {
      order {
        status
      }
      userErrors {
        message
      }
    }
  }
`);

type Found = NonNullable<OrderQuery["order"]>;
const EVERY_MS = 3000;

export function Order({ token }: { token: string }) {
  const { words } = useFront();
  const { order, error, again } = useOrder(token);
  if (order === undefined) {
    return error ? <Failed error={error} again={again} words={words} /> : <Loading words={words} />;
  }
  if (order === null) {
    return (
      <Nothing words={words} text={words.noOrder}>
        <p className="soft">{words.noOrderHint}</p>
      </Nothing>
    );
  }
  return (
    <section className="order">
      <p className="soft">{words.order(order.number)}</p>
      <h1 data-status={order.status} aria-live="polite">
        {words.status[order.status]}
      </h1>
      {order.statusNote && <p className="note">{order.statusNote}</p>}
      {order.status === "PENDING" && <Paying order={order} token={token} />}
      {order.status === "DELIVERED" && <Codes token={token} />}
      <ul className="lines">
        {order.lines.map((line) => (
          <li key={line.id}>
            <div>
              <span>
                {line.productName} × {line.quantity}
              </span>
              {line.variantName && <span className="soft">{line.variantName}</span>}
            </div>
            <span className="price">{line.total.formatted}</span>
          </li>
        ))}
      </ul>
      <p className="total">
        {words.total} <strong>{order.total.formatted}</strong>
      </p>
      <p className="soft">
        {order.status === "DELIVERED" && words.sent(order.email)} {words.keep}
      </p>
      <a className="button" href={link.shelf}>
        {words.back}
      </a>
    </section>
  );
}

/** The order as it is now: asked for again while it waits for its payment. */
function useOrder(token: string) {
  const [{ data, error, stale, fetching }, again] = useQuery({
    query: OrderByToken,
    variables: { token },
    requestPolicy: "cache-and-network",
  });
  const waits = data?.order?.status === "PENDING" && !fetching && !stale;
  useEffect(() => {
    if (!waits) return;
    const timer = setTimeout(() => again({ requestPolicy: "network-only" }), EVERY_MS);
    return () => clearTimeout(timer);
  }, [waits, again]);
  return { order: data?.order, error, again };
}

function Paying({ order, token }: { order: Found; token: string }) {
  const { words, locale } = useFront();
  const [{ data, fetching }, cancel] = useMutation(OrderCancel);
  const [key] = useState(newKey);
  const until = new Date(order.expiresAt).toLocaleTimeString(locale, { timeStyle: "short" });
  return (
    <div className="paying">
      <p>{words.until(until)}</p>
      {order.paymentUrl ? (
        // Without a token the payment page does not lead back here: it gets a tab of its own.
        <a className="button main" href={order.paymentUrl} target={TOKEN ? "_self" : "_blank"}>
          {words.payNow(order.total.formatted)}
        </a>
      ) : (
        <p className="note">{words.noPayment}</p>
      )}
      <button
        type="button"
        className="plain"
        disabled={fetching}
        onClick={() => void cancel({ token, key })}
      >
        {words.cancel}
      </button>
      <Problem text={data?.orderCancel.userErrors[0]?.message} />
    </div>
  );
}
