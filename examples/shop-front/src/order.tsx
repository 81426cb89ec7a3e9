import { useEffect, useState } from "react";
import { useMutation, useQuery, useSubscription } from "urql";

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

const OrderChanged = graphql(/* GraphQL */ `
  subscription OrderChanged($token: String!) {
    orderChanged(token: $token) {
      status
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
const EVERY_MS = 10_000;

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
      {order.status === "DELIVERED" && <p className="soft">{words.sent(order.email)}</p>}
      <p className="soft">{words.keep}</p>
      <a className="button" href={link.shelf}>
        {words.back}
      </a>
    </section>
  );
}

/**
 * The order as it is now, asked for again whenever it has changed; and now and then while it waits
 * for its payment, for lines are cut, and some networks let no stream through.
 */
function useOrder(token: string) {
  const [{ data, error, stale, fetching }, again] = useQuery({
    query: OrderByToken,
    variables: { token },
    requestPolicy: "cache-and-network",
  });
  const status = data?.order?.status;
  const pending = status === "PENDING";
  const [{ data: told }] = useSubscription({
    query: OrderChanged,
    variables: { token },
    pause: !pending,
  });
  const changed = pending && told?.orderChanged ? told.orderChanged.status !== status : false;
  const waits = pending && !fetching && !stale;
  useEffect(() => {
    if (!waits) return;
    const ask = () => again({ requestPolicy: "network-only" });
    if (changed) return ask();
    const timer = setTimeout(ask, EVERY_MS);
    return () => clearTimeout(timer);
  }, [waits, changed, again]);
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
