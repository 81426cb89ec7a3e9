-- The audit log: one entry for each deed of a person or program, and below it every row that it
-- changed, recorded by triggers in the same transaction, so that no service can forget it. Both
-- tables are written once: nobody but the owner of the database changes or deletes what they say.

create table audit_entries (
  shop_id     uuid not null,            -- no reference: the deed that opens a shop comes before it
  id          uuid not null,
  position    bigint generated always as identity,
  actor_kind  text not null check (actor_kind in ('account', 'token', 'operator', 'system')),
  actor_id    uuid,
  actor_name  text not null,
  operation   text not null check (operation <> ''),
  object_kind text not null,
  object_id   uuid,
  address     text not null,
  user_agent  text not null,
  at          timestamptz not null default now(),
  primary key (shop_id, id)
);
create index audit_entries_listed on audit_entries (shop_id, position);
create index audit_entries_actor on audit_entries (shop_id, actor_id, position);
create index audit_entries_kind on audit_entries (shop_id, object_kind, position);

-- `label` is what people call the row (a name, a currency, an order's number).
create table audit_changes (
  shop_id   uuid not null references shops,
  id        uuid not null default gen_random_uuid(),
  entry_id  uuid not null,
  position  bigint generated always as identity,
  kind      text not null,
  object_id uuid,
  label     text not null,
  change    text not null check (change in ('create', 'update', 'delete')),
  before    jsonb not null default '{}',
  after     jsonb not null default '{}',
  primary key (shop_id, id),
  foreign key (shop_id, entry_id) references audit_entries (shop_id, id)
);
create index audit_changes_entry on audit_changes (shop_id, entry_id, position);

select tenant_wall('audit_entries', 'shop_id', 'select, insert');
select tenant_wall('audit_changes', 'shop_id', 'select, insert');

-- Records one row. Arguments: kind, column of the object's id, column of its label ('' none), then
-- the columns that may be written down. What is not named there is never read.
-- `app.audit` names the entry, which whoever set it has written. Where nobody did, the installation
-- itself acts.
create function audit_row() returns trigger
language plpgsql set search_path = public, pg_temp as $$
declare
  was jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) else '{}' end;
  now_is jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) else '{}' end;
  at_hand jsonb := case when tg_op = 'DELETE' then was else now_is end;
  shop uuid := coalesce(at_hand ->> 'shop_id', at_hand ->> 'id')::uuid;
  object uuid := (at_hand ->> tg_argv[1])::uuid;
  entry uuid := nullif(current_setting('app.audit', true), '')::uuid;
  before_it jsonb := '{}';
  after_it jsonb := '{}';
  recorded text;
  called text := coalesce(at_hand ->> tg_argv[2], '');
begin
  for place in 3 .. tg_nargs - 1 loop
    recorded := tg_argv[place];
    if coalesce(was -> recorded, 'null') is distinct from coalesce(now_is -> recorded, 'null') then
      if tg_op <> 'INSERT' then
        before_it := before_it || jsonb_build_object(recorded, was -> recorded);
      end if;
      if tg_op <> 'DELETE' then
        after_it := after_it || jsonb_build_object(recorded, now_is -> recorded);
      end if;
    end if;
  end loop;
  if tg_op = 'UPDATE' and after_it = '{}' then
    return null;
  end if;
  if tg_argv[0] = 'member' then
    -- Memberships change through functions of the owner alone, who may look the name up.
    select email into called from accounts where accounts.id = object;
  end if;
  if entry is null then
    entry := gen_random_uuid();
    perform set_config('app.audit', entry::text, true);
    insert into audit_entries (shop_id, id, actor_kind, actor_name, operation, object_kind,
                               object_id, address, user_agent)
    values (shop, entry, 'system', '', 'system', tg_argv[0], object, '', '');
  end if;
  insert into audit_changes (shop_id, entry_id, kind, object_id, label, change, before, after)
  values (shop, entry, tg_argv[0], object, called,
          case tg_op when 'INSERT' then 'create' when 'UPDATE' then 'update' else 'delete' end,
          before_it, after_it);
  return null;
end $$;

-- Watches a table. `whoever`: also what the installation does by itself; else only deeds of people
-- and programs, where orders and codes move by themselves all day.
create function audit_wall(
  audited regclass, kind text, object_column text, label_column text, whoever boolean,
  recorded text[])
returns void language plpgsql as $$
begin
  execute format(
    'create or replace trigger audited after insert or update or delete on %s for each row %s'
    ' execute function audit_row(%s)',
    audited,
    case when whoever then '' else
      'when (coalesce(current_setting(''app.audit'', true), '''') <> '''')' end,
    (select string_agg(quote_literal(argument), ', ' order by place)
     from unnest(array[kind, object_column, label_column] || recorded)
       with ordinality as arguments (argument, place)));
end $$;

select audit_wall('shops', 'shop', 'id', 'name', true, array[
  'slug', 'name', 'status', 'status_reason', 'locales', 'default_locale', 'currencies',
  'default_currency', 'contact', 'notice', 'policies', 'icp_number', 'translations', 'theme',
  'theme_settings', 'logo_file_id', 'hold_minutes', 'unpaid_per_buyer', 'unpaid_per_address',
  'hold_share', 'checklist_dismissed_at']);
select audit_wall('categories', 'category', 'id', 'name', true, array[
  'slug', 'name', 'translations', 'position']);
select audit_wall('products', 'product', 'id', 'name', true, array[
  'slug', 'name', 'description', 'category_id', 'translations', 'status', 'position',
  'buyer_fields']);
select audit_wall('product_images', 'product', 'product_id', '', true, array[
  'file_id', 'position']);
select audit_wall('variants', 'variant', 'id', 'name', true, array[
  'name', 'translations', 'position', 'min_quantity', 'max_quantity', 'archived_at', 'sale_order',
  'expiry_margin_hours', 'low_stock']);
select audit_wall('prices', 'variant', 'variant_id', 'currency', true, array['amount']);
select audit_wall('api_tokens', 'api_token', 'id', 'name', true, array[
  'name', 'expires_at', 'revoked_at']);
select audit_wall('payment_accounts', 'payment_account', 'id', 'provider', true, array[
  'provider', 'settles_with', 'enabled', 'removed_at']);
select audit_wall('payment_secrets', 'payment_account', 'account_id', 'field', false, array[
  'field', 'created_at']);
select audit_wall('batches', 'variant', 'variant_id', '', true, array[
  'source', 'supplier', 'note', 'cost', 'currency', 'expires_at', 'undone_at']);
select audit_wall('orders', 'order', 'id', 'number', false, array['status']);
select audit_wall('refunds', 'order', 'order_id', '', false, array[
  'amount', 'currency', 'reason', 'note', 'by_hand', 'state']);
select audit_wall('jobs', 'job', 'id', 'kind', false, array['kind', 'state', 'cancel']);

-- Codes are deleted by the thousand: how many of which variant, in one line for each statement.
create function audit_codes_deleted() returns trigger
language plpgsql set search_path = public, pg_temp as $$
begin
  insert into audit_changes (shop_id, entry_id, kind, label, change, before)
  select shop_id, current_setting('app.audit')::uuid, 'code', '', 'delete',
         jsonb_build_object('variant_id', variant_id, 'codes', count(*))
  from gone group by shop_id, variant_id;
  return null;
end $$;
create trigger audited_codes after delete on codes referencing old table as gone
  for each statement when (coalesce(current_setting('app.audit', true), '') <> '')
  execute function audit_codes_deleted();

revoke execute on function audit_row, audit_wall, audit_codes_deleted from public;
