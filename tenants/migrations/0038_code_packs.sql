-- Free codes of large imports, some hundreds in a row, sealed as one: a million of them are five
-- thousand rows. Whoever needs one opens its pack, and from then on its codes are rows of their own.
-- Additive; a process of before sells what has a row. docs/decisions/0077.

create table code_packs (
  shop_id        uuid not null references shops,
  id             uuid not null,     -- of its first code, too; the others' ids follow, one by one
  variant_id     uuid not null,
  batch_id       uuid not null,
  position       bigint not null,   -- of its first code, in the variant's order of sale
  codes          integer not null check (codes between 1 and 1000),
  sealed         bytea not null,
  key_version    integer not null,
  marks          bytea not null,    -- the first eight bytes of each code's lookup
  expires_at     timestamptz,
  sellable_until timestamptz not null default 'infinity',
  primary key (shop_id, id),
  foreign key (shop_id, variant_id, batch_id) references batches (shop_id, variant_id, id),
  check (octet_length(marks) = 8 * codes)
);
-- What is sealed or hashed cannot be made smaller.
alter table code_packs alter column sealed set storage external,
                       alter column marks set storage external;
create index code_packs_for_sale on code_packs (shop_id, variant_id, position, sellable_until);
create index code_packs_listed on code_packs (shop_id, variant_id, id);

select tenant_wall('code_packs', 'shop_id', 'select, insert, delete');
grant update (position, sellable_until) on code_packs to keystall_app;

create trigger sealed_with_newest_key after insert on code_packs referencing new table as fresh
  for each statement execute function codes_sealed_with_newest();

create function packs_moved() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $$
begin
  insert into stock_moves (shop_id, variant_id) select distinct shop_id, variant_id from moved;
  return null;
end $$;
create trigger stock_added after insert on code_packs referencing new table as moved
  for each statement execute function packs_moved();
create trigger stock_removed after delete on code_packs referencing old table as moved
  for each statement execute function packs_moved();
create trigger stock_moved after update on code_packs for each row
  when (old.sellable_until <> new.sellable_until) execute function code_moved();

-- As of codes. One that was opened is not deleted: codes with ids of its span have rows.
create function audit_packs_deleted() returns trigger
language plpgsql set search_path = public, pg_temp as $$
begin
  insert into audit_changes (shop_id, entry_id, kind, label, change, before)
  select shop_id, current_setting('app.audit')::uuid, 'code', '', 'delete',
         jsonb_build_object('variant_id', variant_id, 'codes', sum(codes))
  from gone
  where left(gone.id::text, 32) is distinct from (
    select left(codes.id::text, 32) from codes
    where codes.shop_id = gone.shop_id and codes.id >= gone.id order by codes.id limit 1)
  group by shop_id, variant_id;
  return null;
end $$;
create trigger audited_code_packs after delete on code_packs referencing old table as gone
  for each statement when (coalesce(current_setting('app.audit', true), '') <> '')
  execute function audit_packs_deleted();

-- A rotation of keys that knows no packs, begun by the version before, would destroy their key.
create function packs_keep_their_key() returns trigger
language plpgsql set search_path = public, pg_temp as $$
begin
  if exists (select from code_packs where shop_id = old.shop_id and key_version = old.version) then
    raise exception 'packs of shop % are sealed with its key %', old.shop_id, old.version
      using errcode = 'foreign_key_violation', constraint = 'packs_keep_their_key';
  end if;
  return null;
end $$;
create trigger packs_keep_their_key after delete on shop_keys for each row
  execute function packs_keep_their_key();

revoke execute on function packs_moved, audit_packs_deleted, packs_keep_their_key from public;

-- As of 0025, packs counted with the rows.
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
           and state = 'available' and sellable_until > now() limit p_few + 1)
        union all
        (select codes, sellable_until from code_packs
         where code_packs.shop_id = due.shop_id and code_packs.variant_id = due.variant_id
           and sellable_until > now() limit p_few + 1)) few) shelf),
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
