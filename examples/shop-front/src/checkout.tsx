import type { CartFound } from "./cart";
import { Answer, Field } from "./fields";
import { useFront } from "./front";
import { useOrdering, type Refusal } from "./ordering";
import { Html, Problem } from "./states";

interface Props {
  cart: CartFound;
  idempotencyKey: string;
}

/** Who buys, what the products ask, and how to pay: then the cart becomes an order. */
export function Checkout({ cart, idempotencyKey }: Props) {
  const { shop, words } = useFront();
  const { order, busy, refusals } = useOrdering(cart, idempotencyKey);
  const [first] = shop.paymentMethods;
  if (!first) return <p className="note">{words.noMethods}</p>;
  return (
    <form
      className="checkout"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        void order(new FormData(event.currentTarget));
      }}
    >
      <h2>{words.buyer}</h2>
      <Field label={words.email} hint={words.emailHint} problem={refusals.find(isEmail)?.message}>
        {(props) => (
          <input
            {...props}
            name="email"
            type="email"
            autoComplete="email"
            defaultValue={cart.email ?? ""}
          />
        )}
      </Field>
      {cart.buyerFields.map(({ field, value }, index) => (
        <Field
          key={field.key}
          label={field.required ? field.label : `${field.label} (${words.optional})`}
          problem={refusals.find((refusal) => isAnswer(refusal, index, field.key))?.message}
        >
          {(props) => (
            <Answer {...props} name={`answer ${field.key}`} field={field} value={value ?? ""} />
          )}
        </Field>
      ))}
      <fieldset>
        <legend>{words.payBy}</legend>
        {shop.paymentMethods.map(({ id, name, testMode }) => (
          <label key={id} className="choice">
            <input type="radio" name="method" value={id} defaultChecked={id === first.id} />
            <span>{name}</span>
            {testMode && <span className="soft">{words.playMoney}</span>}
          </label>
        ))}
      </fieldset>
      {shop.policiesHtml && (
        <details>
          <summary>{words.agree}</summary>
          <Html html={shop.policiesHtml} />
        </details>
      )}
      {refusals
        .filter((refusal) => !isEmail(refusal) && !refusal.path.includes("buyerFields"))
        // What the lines say already is not said twice.
        .filter(({ message }) => !cart.problems.some((problem) => problem.message === message))
        .map(({ message }) => (
          <Problem key={message} text={message} />
        ))}
      <button className="main" disabled={busy || shop.status !== "OPEN"}>
        {words.pay(cart.total.formatted)}
      </button>
    </form>
  );
}

const isEmail = ({ path }: Refusal) => path.includes("email");

/** A question is named by its place in what was sent (…buyerFields.0.value), or by its key. */
const isAnswer = ({ path }: Refusal, index: number, key: string) =>
  path.at(-1) === "value" && path.at(-3) === "buyerFields"
    ? path.at(-2) === String(index)
    : path.at(-2) === "buyerFields" && path.at(-1) === key;
