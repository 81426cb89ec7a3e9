-- The version of what the public sees of a shop. It moves with every change of it, in the same
-- transaction, by the tables' own triggers: no service can forget it. Writers of the catalogue take
-- turns at the shop's row anyway; orders touch neither. Additive.

alter table shops add column catalog_version bigint not null default 1;

-- Moves the versions of the shops whose rows one statement changed. Arguments: the column that names
-- the shop, then the columns that no visitor sees: a change of these alone moves nothing.
create function catalog_moved() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  hidden text[] := tg_argv[1:];
  moved uuid[];
begin
  if tg_op = 'INSERT' then
    moved := array(select distinct (to_jsonb(fresh) ->> tg_argv[0])::uuid from fresh);
  elsif tg_op = 'DELETE' then
    moved := array(select distinct (to_jsonb(gone) ->> tg_argv[0])::uuid from gone);
  else
    moved := array(
      select distinct (changed.it ->> tg_argv[0])::uuid from (
        (select to_jsonb(gone) - hidden as it from gone
         except all select to_jsonb(fresh) - hidden from fresh)
        union all
        (select to_jsonb(fresh) - hidden from fresh
         except all select to_jsonb(gone) - hidden from gone)) changed);
  end if;
  -- Never without a row: this very statement comes by here again.
  if cardinality(moved) > 0 then
    update shops set catalog_version = catalog_version + 1 where id = any (moved);
  end if;
  return null;
end $$;

-- Watches a table that visitors' pages are made of.
create function catalog_wall(watched regclass, shop_column text, hidden text[])
returns void language plpgsql as $$
declare
  arguments text := (
    select string_agg(quote_literal(argument), ', ' order by place)
    from unnest(array[shop_column] || hidden) with ordinality as named (argument, place));
begin
  execute format(
    'create trigger catalog_inserted after insert on %s referencing new table as fresh'
    ' for each statement execute function catalog_moved(%s)', watched, arguments);
  execute format(
    'create trigger catalog_updated after update on %s referencing old table as gone'
    ' new table as fresh for each statement execute function catalog_moved(%s)',
    watched, arguments);
  execute format(
    'create trigger catalog_deleted after delete on %s referencing old table as gone'
    ' for each statement execute function catalog_moved(%s)', watched, arguments);
end $$;

select catalog_wall('shops', 'id', array[
  'catalog_version', 'status_reason', 'status_before', 'hold_minutes', 'unpaid_per_buyer',
  'unpaid_per_address', 'hold_share', 'mail_codes', 'reviewed_at', 'checklist_dismissed_at']);
select catalog_wall('hosts', 'shop_id', '{}');
select catalog_wall('categories', 'shop_id', '{}');
select catalog_wall('products', 'shop_id', array['updated_at', 'stopped_reason']);
select catalog_wall('product_images', 'shop_id', '{}');
-- An order notes here that its merchant was told of low stock.
select catalog_wall('variants', 'shop_id', array[
  'sale_order', 'expiry_margin_hours', 'low_stock', 'low_since']);
select catalog_wall('prices', 'shop_id', '{}');
select catalog_wall('search_terms', 'shop_id', '{}');
select catalog_wall('payment_accounts', 'shop_id', '{}');
-- Nobody sees an upload before something else names it.
select catalog_wall('files', 'shop_id', '{}');
drop trigger catalog_inserted on files;

-- The versions of many shops at once, for whoever keeps answers made of them.
create function catalog_versions(p_shops uuid[]) returns table (shop_id uuid, version bigint)
language sql stable security definer set search_path = public, pg_temp as $$
  select id, catalog_version from shops where id = any (p_shops)
$$;

revoke execute on function catalog_moved, catalog_wall, catalog_versions from public;
grant execute on function catalog_versions to keystall_app;
