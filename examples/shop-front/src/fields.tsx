import { useId, type ReactNode } from "react";

import type { CartFound } from "./cart";
import { useFront } from "./front";
import type { BuyerFieldKind } from "./gql/graphql";
import { Problem } from "./states";

interface InputProps {
  id: string;
  "aria-invalid": boolean;
  "aria-describedby": string;
}

interface FieldProps {
  label: string;
  hint?: string;
  problem: string | undefined;
  children: (props: InputProps) => ReactNode;
}

/** A labelled input with its hint, and what the API says is wrong with it. */
export function Field({ label, hint, problem, children }: FieldProps) {
  const id = useId();
  const about = `${id}-about`;
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {children({ id, "aria-invalid": problem !== undefined, "aria-describedby": about })}
      <div id={about}>
        {hint && <p className="soft">{hint}</p>}
        <Problem text={problem} />
      </div>
    </div>
  );
}

type Question = CartFound["buyerFields"][number]["field"];

interface AnswerProps extends InputProps {
  name: string;
  field: Question;
  value: string;
}

const TYPES: Record<BuyerFieldKind, string> = {
  EMAIL: "email",
  NUMBER: "text",
  PHONE: "tel",
  SELECT: "text",
  TEXT: "text",
};

/** What a product asks of its buyer. */
export function Answer({ field, value, ...props }: AnswerProps) {
  const { words } = useFront();
  if (field.kind === "SELECT") {
    return (
      <select {...props} defaultValue={value}>
        <option value="">{words.choose}</option>
        {field.options.map((option) => (
          <option key={option}>{option}</option>
        ))}
      </select>
    );
  }
  return (
    <input
      {...props}
      type={TYPES[field.kind]}
      inputMode={field.kind === "NUMBER" ? "numeric" : undefined}
      placeholder={field.placeholder}
      defaultValue={value}
    />
  );
}
