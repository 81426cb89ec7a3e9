-- As of 0038, but in order of position, which only an index has. Without one the planner hopes to
-- come upon a few codes of a variant soon, and reads those of all shops where there are none.
create or replace function stock_bands_settle(p_few integer, p_limit integer) returns setof uuid
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  due_shops uuid[];
  due_variants uuid[];
  moved uuid[];
begin
  -- One at a time: of two who count the same variant the later could write what it saw earlier.
  if not pg_try_advisory_xact_lock(hashtextextended('stock-bands', 0)) then
    return;
  end if;
  with noted as (
    delete from stock_moves
    where (shop_id, id) in (select shop_id, id from stock_moves limit p_limit)
    returning shop_id, variant_id),
  due as (
    select shop_id, variant_id from noted
    union
    (select shop_id, variant_id from variant_bands
     where until < 'infinity' and until <= now() order by until limit p_limit))
  select array_agg(shop_id), array_agg(variant_id) into due_shops, due_variants from due;
  if due_shops is null then
    return;
  end if;
  -- A statement of its own, so that it sees all that was committed with the notes.
  with counted as (
    select due.shop_id, due.variant_id, coalesce(until, 'infinity') as until,
           case when free = 0 then 'sold_out' when free <= p_few then 'low' else 'in_stock' end
             as band
    from unnest(due_shops, due_variants) as due (shop_id, variant_id)
    cross join lateral (
      select coalesce(sum(free), 0) as free, min(until) as until from (
        (select 1 as free, sellable_until as until from codes
         where codes.shop_id = due.shop_id and codes.variant_id = due.variant_id
           and state = 'available' and sellable_until > now() order by position limit p_few + 1)
        union all
        (select codes, sellable_until from code_packs
         where code_packs.shop_id = due.shop_id and code_packs.variant_id = due.variant_id
           and sellable_until > now() order by position limit p_few + 1)) few) shelf),
  written as (
    insert into variant_bands (shop_id, variant_id, band, until)
    select shop_id, variant_id, band, until from counted
    on conflict (shop_id, variant_id) do update set band = excluded.band, until = excluded.until)
  select array_agg(distinct counted.shop_id) into moved
  from counted left join variant_bands before using (shop_id, variant_id)
  where before.band is distinct from counted.band;
  update shops set catalog_version = catalog_version + 1 where id = any (moved);
  return query select unnest(moved);
end $$;
