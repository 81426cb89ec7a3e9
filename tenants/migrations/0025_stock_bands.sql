-- Availability as visitors see it: in bands, which change seldom, while orders change stock all day.
-- Orders note that they did, in a row of their own that nobody else waits for; a worker compares
-- afterwards and moves the version where a band is another one. Additive.

-- That stock of a variant changed. Written with the change, deleted with the comparison: while there
-- is one, what visitors see may be about to move.
create table stock_moves (
  shop_id    uuid not null references shops,
  id         uuid not null default gen_random_uuid(),
  variant_id uuid not null,            -- no reference: it stands in codes, which has one
  primary key (shop_id, id)
);

-- The band of the last comparison, and until when time alone cannot change it.
create table variant_bands (
  shop_id    uuid not null references shops,
  variant_id uuid not null,            -- no reference: it was counted by one, variants are kept
  band       text not null check (band in ('in_stock', 'low', 'sold_out')),
  until      timestamptz not null,
  primary key (shop_id, variant_id)
);
create index variant_bands_due on variant_bands (until) where until < 'infinity';
create index variant_bands_until on variant_bands (shop_id, until) where until < 'infinity';

select tenant_wall('stock_moves', 'shop_id', 'select');
select tenant_wall('variant_bands', 'shop_id', 'select');

-- For each code that comes on the shelf or leaves it, but once a variant and transaction where they
-- come one after another: an order takes a few, a change of margin a million.
create function code_moved() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $$
begin
  if coalesce(current_setting('app.stock_moved', true), '') <> new.variant_id::text then
    insert into stock_moves (shop_id, variant_id) values (new.shop_id, new.variant_id);
    perform set_config('app.stock_moved', new.variant_id::text, true);
  end if;
  return null;
end $$;
create trigger stock_moved after update on codes for each row
  when ((old.state = 'available') <> (new.state = 'available')
        or new.state = 'available' and old.sellable_until <> new.sellable_until)
  execute function code_moved();

create function codes_moved() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $$
begin
  insert into stock_moves (shop_id, variant_id)
  select distinct shop_id, variant_id from moved where state = 'available';
  return null;
end $$;
create trigger stock_added after insert on codes referencing new table as moved
  for each statement execute function codes_moved();
create trigger stock_removed after delete on codes referencing old table as moved
  for each statement execute function codes_moved();

-- Compares the bands of what was noted, or may have changed with time, and moves the versions of the
-- shops where one is another; answers these shops. Counts no further than `p_few` and one.
create function stock_bands_settle(p_few integer, p_limit integer) returns setof uuid
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
      select count(*) as free, min(sellable_until) as until from (
        select sellable_until from codes
        where codes.shop_id = due.shop_id and codes.variant_id = due.variant_id
          and state = 'available' and sellable_until > now() limit p_few + 1) few) shelf),
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

revoke execute on function code_moved, codes_moved, stock_bands_settle from public;
grant execute on function stock_bands_settle to keystall_app;
