-- Payment accounts with keys of the merchant's own, and disputes. Additive, and safe while
-- processes of the version before still serve.

alter table payment_accounts
  add column details jsonb not null default '{}',
  add column removed_at timestamptz;
-- One open account for each provider: a buyer could not tell two of them apart.
create unique index payment_accounts_provider
  on payment_accounts (shop_id, provider) where removed_at is null;

-- Sealed with the shop's data key, its version in front; `hint` is what may be shown of it. The id
-- is made of account and field, so that a sealed value opens for these alone.
create table payment_secrets (
  shop_id    uuid not null references shops,
  id         uuid not null,
  account_id uuid not null,
  field      text not null check (field <> ''),
  sealed     bytea not null,
  hint       text not null,
  created_at timestamptz not null default now(),
  primary key (shop_id, id),
  unique (shop_id, account_id, field),
  foreign key (shop_id, account_id) references payment_accounts (shop_id, id)
);

-- `asked_at`: when the provider was asked for what stands here; an earlier answer changes nothing.
create table disputes (
  shop_id            uuid not null references shops,
  id                 uuid not null,
  order_id           uuid not null,
  taking_id          uuid not null,
  account_id         uuid not null,
  provider_reference text not null,
  status             text not null check (status in
    ('inquiry', 'needs_response', 'under_review', 'won', 'lost', 'closed')),
  reason             text not null,
  amount             bigint not null check (amount >= 0),
  currency           text not null,
  opened_at          timestamptz not null,
  due_at             timestamptz,
  closed_at          timestamptz,
  asked_at           timestamptz not null,
  created_at         timestamptz not null default now(),
  primary key (shop_id, id),
  unique (shop_id, account_id, provider_reference),
  foreign key (shop_id, order_id) references orders (shop_id, id),
  foreign key (shop_id, taking_id) references takings (shop_id, id),
  foreign key (shop_id, account_id) references payment_accounts (shop_id, id)
);
create index disputes_order on disputes (shop_id, order_id);
create index disputes_taking on disputes (shop_id, taking_id);

alter table ledger_transactions drop constraint ledger_transactions_kind_check;
alter table ledger_transactions add constraint ledger_transactions_kind_check check (kind in
  ('sale', 'unearned', 'refund', 'refund_failed', 'owed', 'fee', 'dispute'));

select tenant_wall('payment_secrets', 'shop_id', 'select, insert, update, delete');
select seal_wall('payment_secrets', 'sealed');
select tenant_wall('disputes', 'shop_id', 'select, insert, update');
