import { useFront } from "./front";

interface Props {
  value: number;
  least: number;
  most: number;
  change: (value: number) => void;
  disabled?: boolean;
}

export function Quantity({ value, least, most, change, disabled = false }: Props) {
  const { words } = useFront();
  return (
    <span className="quantity" role="group" aria-label={words.quantity}>
      <button
        type="button"
        aria-label={words.fewer}
        disabled={disabled || value <= least}
        onClick={() => change(value - 1)}
      >
        −
      </button>
      <output>{value}</output>
      <button
        type="button"
        aria-label={words.another}
        disabled={disabled || value >= most}
        onClick={() => change(value + 1)}
      >
        +
      </button>
    </span>
  );
}
