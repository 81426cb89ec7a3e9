-- Documents of the storefront's API that a shop vouches for, by their hash; and whether its API
-- answers no others. Additive; an old process answers as before.

create table trusted_documents (
  shop_id    uuid not null references shops,
  id         uuid not null,
  sha256     text not null check (char_length(sha256) between 1 and 64),
  name       text not null check (char_length(name) <= 100),
  document   text not null check (char_length(document) between 1 and 32768),
  cost       integer not null check (cost >= 0),
  created_at timestamptz not null default now(),
  primary key (shop_id, id),
  unique (shop_id, sha256)
);

select tenant_wall('trusted_documents', 'shop_id', 'select, insert, delete');
select audit_wall('trusted_documents', 'trusted_document', 'id', 'name', true, array[
  'name', 'sha256']);

alter table shops add column trusted_only boolean not null default false;
grant update (trusted_only) on shops to keystall_app;

select audit_wall('shops', 'shop', 'id', 'name', true, array[
  'slug', 'name', 'status', 'status_reason', 'locales', 'default_locale', 'currencies',
  'default_currency', 'contact', 'notice', 'policies', 'icp_number', 'translations', 'theme',
  'theme_settings', 'logo_file_id', 'hold_minutes', 'unpaid_per_buyer', 'unpaid_per_address',
  'hold_share', 'mail_codes', 'trusted_only', 'checklist_dismissed_at']);
