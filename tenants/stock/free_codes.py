"""How many codes of a variant are free to be sold: rows, and those that rest in packs."""


def free_codes(variant: str, upto: str | int) -> str:
    """SQL for that number, counted no further than `upto`. `variant` is SQL for the variant's id,
    its table told; `$1` is the shop."""
    few = f"{{table}}.shop_id = $1 and {{table}}.variant_id = {variant} and sellable_until > now()"
    # In order, which only the index has: few of any, the planner hopes to happen on soon, and reads
    # all codes of all shops where there are none.
    return f"""least({upto}, (
      select count(*) from (
        select from codes where {few.format(table="codes")} and state = 'available'
        order by position limit {upto}) few_codes) + (
      select coalesce(sum(codes), 0) from (
        select codes from code_packs where {few.format(table="code_packs")}
        order by position limit {upto}) few_packs))::int"""  # noqa: S608  (SQL of the callers' own)
