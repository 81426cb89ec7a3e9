-- The second wall: who may touch what. The request role sees the rows of the shop its transaction
-- named and nothing else; the system role sees only when work is due; the owner, who migrates and
-- dumps, sees all.

create function tenant_wall(tenant_table regclass, shop_column text, privileges text)
returns void language plpgsql as $$
declare
  current_shop text := format('%I = nullif(current_setting(''app.shop'', true), '''')::uuid', shop_column);
begin
  execute format('alter table %s enable row level security', tenant_table);
  execute format('alter table %s force row level security', tenant_table);
  execute format('create policy tenant on %s to keystall_app using (%s) with check (%s)',
                 tenant_table, current_shop, current_shop);
  execute format('create policy owner on %s to keystall_owner using (true) with check (true)',
                 tenant_table);
  execute format('grant %s on %s to keystall_app', privileges, tenant_table);
end $$;

select tenant_wall('shops', 'id', 'select');
-- The operator's verdict and the address of a shop are not the merchant's to change.
grant update (name, locales, default_locale, currencies, default_currency, contact, notice, policies,
              icp_number, translations, theme, theme_settings, logo_file_id, hold_minutes)
  on shops to keystall_app;

select tenant_wall(name::regclass, 'shop_id', 'select, insert, update, delete') from unnest(array[
  'api_tokens', 'files', 'categories', 'products', 'product_images', 'variants', 'prices',
  'search_terms', 'carts', 'cart_lines', 'codes', 'jobs']) name;
select tenant_wall(name::regclass, 'shop_id', 'select, insert, update') from unnest(array[
  'orders', 'payment_accounts', 'payments', 'inbox', 'takings', 'refunds', 'outbox']) name;
-- History is written once.
select tenant_wall(name::regclass, 'shop_id', 'select, insert') from unnest(array[
  'shop_keys', 'order_lines', 'order_events', 'batches', 'reveals', 'ledger_transactions',
  'ledger_entries', 'idempotency_keys']) name;

-- Relay and sweeps: which work is due, and the claim on it. The work itself runs as keystall_app.
create policy work on outbox to keystall_system using (true) with check (true);
grant select (shop_id, id, kind, due_at, attempts, done_at, failed_at, created_at)
  on outbox to keystall_system;
grant update (due_at, attempts) on outbox to keystall_system;

grant usage on schema public to keystall_app, keystall_system;
