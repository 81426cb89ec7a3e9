-- Tables. Those without a shop come first: they are a closed list (tenants/schema.py) that the
-- request role reaches through the functions of 0001_functions.sql alone. Every other table starts
-- its primary key, its unique constraints and its foreign keys with shop_id.

create table accounts (
  id            uuid primary key,
  email         text not null unique check (email = lower(email) and length(email) <= 254),
  password_hash text not null,
  locale        text not null,
  confirmed_at  timestamptz,
  created_at    timestamptz not null default now()
);

create table operators (
  account_id uuid primary key references accounts,
  created_at timestamptz not null default now()
);

create table sessions (
  secret_hash bytea primary key,
  id          uuid not null unique,
  account_id  uuid not null references accounts on delete cascade,
  created_at  timestamptz not null default now(),
  expires_at  timestamptz not null,
  address     text not null,
  user_agent  text not null
);
create index sessions_account on sessions (account_id);

create table account_tokens (
  secret_hash bytea primary key,
  id          uuid not null unique,
  account_id  uuid not null references accounts on delete cascade,
  purpose     text not null check (purpose in ('confirm', 'reset')),
  expires_at  timestamptz not null,
  used_at     timestamptz
);

create table shops (
  id               uuid primary key,
  slug             text not null check (slug ~ '^[a-z0-9](-?[a-z0-9])+$'),
  name             text not null check (name <> ''),
  status           text not null check (status in ('open', 'closed', 'suspended')),
  status_reason    text not null default '',
  status_before    text check (status_before in ('open', 'closed')),  -- its suspension
  locales          text[] not null check (cardinality(locales) > 0),
  default_locale   text not null check (default_locale = any (locales)),
  currencies       text[] not null check (cardinality(currencies) > 0),
  default_currency text not null check (default_currency = any (currencies)),
  contact          text not null default '',
  notice           text not null default '',
  policies         text not null default '',
  icp_number       text not null default '',
  translations     jsonb not null default '{}',
  theme            text not null default 'harbor',
  theme_settings   jsonb not null default '{}',
  logo_file_id     uuid,
  hold_minutes     integer not null default 15 check (hold_minutes between 1 and 1440),
  created_at       timestamptz not null default now()
);

create table hosts (
  host    text primary key check (host = lower(host)),
  shop_id uuid not null references shops
);

create table memberships (
  account_id uuid not null references accounts,
  shop_id    uuid not null references shops,
  role       text not null check (role in ('owner')),
  created_at timestamptz not null default now(),
  primary key (account_id, shop_id)
);
create index memberships_shop on memberships (shop_id);

-- From here on every table belongs to a shop.

create table api_tokens (
  shop_id     uuid not null references shops,
  id          uuid not null,
  secret_hash bytea not null,
  name        text not null check (name <> ''),
  hint        text not null,
  created_at  timestamptz not null default now(),
  expires_at  timestamptz,
  revoked_at  timestamptz,
  primary key (shop_id, id)
);
create index api_tokens_secret on api_tokens (secret_hash);

create table shop_keys (
  shop_id    uuid not null references shops,
  version    integer not null,
  wrapped    bytea not null,
  created_at timestamptz not null default now(),
  primary key (shop_id, version)
);

create table files (
  shop_id    uuid not null references shops,
  id         uuid not null,
  kind       text not null check (kind in ('picture', 'codes')),
  name       text not null,
  media_type text not null,
  size       bigint not null check (size >= 0),
  width      integer,
  height     integer,
  created_at timestamptz not null default now(),
  primary key (shop_id, id)
);
alter table shops add foreign key (id, logo_file_id) references files (shop_id, id);

create table categories (
  shop_id      uuid not null references shops,
  id           uuid not null,
  slug         text not null,
  name         text not null check (name <> ''),
  translations jsonb not null default '{}',
  position     integer not null default 0,
  created_at   timestamptz not null default now(),
  primary key (shop_id, id),
  unique (shop_id, slug)
);

create table products (
  shop_id          uuid not null references shops,
  id               uuid not null,
  category_id      uuid,
  slug             text not null,
  name             text not null check (name <> ''),
  description      text not null default '',
  description_html text not null default '',
  translations     jsonb not null default '{}',
  status           text not null check (status in ('draft', 'active', 'archived')),
  position         integer not null default 0,
  buyer_fields     jsonb not null default '[]',
  created_at       timestamptz not null default now(),
  updated_at       timestamptz not null default now(),
  primary key (shop_id, id),
  unique (shop_id, slug),
  foreign key (shop_id, category_id) references categories (shop_id, id)
);
create index products_listed on products (shop_id, position, id) where status = 'active';
create index products_category on products (shop_id, category_id, position, id);

create table product_images (
  shop_id    uuid not null references shops,
  id         uuid not null,
  product_id uuid not null,
  file_id    uuid not null,
  position   integer not null,
  primary key (shop_id, id),
  foreign key (shop_id, product_id) references products (shop_id, id),
  foreign key (shop_id, file_id) references files (shop_id, id)
);
create index product_images_product on product_images (shop_id, product_id, position);

create table variants (
  shop_id      uuid not null references shops,
  id           uuid not null,
  product_id   uuid not null,
  name         text not null,
  translations jsonb not null default '{}',
  position     integer not null default 0,
  min_quantity integer not null default 1 check (min_quantity >= 1),
  max_quantity integer not null default 10 check (max_quantity between min_quantity and 1000),
  archived_at  timestamptz,
  created_at   timestamptz not null default now(),
  primary key (shop_id, id),
  foreign key (shop_id, product_id) references products (shop_id, id)
);
create index variants_product on variants (shop_id, product_id, position);

create table prices (
  shop_id    uuid not null references shops,
  variant_id uuid not null,
  currency   text not null check (currency ~ '^[A-Z]{3}$'),
  amount     bigint not null check (amount > 0),
  primary key (shop_id, variant_id, currency),
  foreign key (shop_id, variant_id) references variants (shop_id, id)
);

create table search_terms (
  shop_id    uuid not null references shops,
  term       text not null,
  product_id uuid not null,
  primary key (shop_id, term, product_id),
  foreign key (shop_id, product_id) references products (shop_id, id) on delete cascade
);
create index search_terms_product on search_terms (shop_id, product_id);

create table carts (
  shop_id    uuid not null references shops,
  id         uuid not null,
  currency   text not null,
  locale     text not null,
  email      text not null default '',
  buyer_fields jsonb not null default '{}',
  order_id   uuid,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (shop_id, id)
);

create table cart_lines (
  shop_id      uuid not null references shops,
  id           uuid not null,
  cart_id      uuid not null,
  variant_id   uuid not null,
  quantity     integer not null check (quantity between 1 and 1000),
  primary key (shop_id, id),
  unique (shop_id, cart_id, variant_id),
  foreign key (shop_id, cart_id) references carts (shop_id, id) on delete cascade,
  foreign key (shop_id, variant_id) references variants (shop_id, id)
);

create table orders (
  shop_id      uuid not null references shops,
  id           uuid not null,
  number       text not null,
  email        text not null,
  locale       text not null,
  currency     text not null,
  total        bigint not null check (total >= 0),
  buyer_fields jsonb not null default '[]',
  status       text not null check (status in
    ('pending', 'delivered', 'expired', 'canceled', 'refunding', 'refunded', 'refund_due')),
  expires_at   timestamptz not null,
  created_at   timestamptz not null default now(),
  paid_at      timestamptz,
  delivered_at timestamptz,
  primary key (shop_id, id),
  unique (shop_id, number),
  check ((status = 'delivered') <= (delivered_at is not null and paid_at is not null))
);
create index orders_status on orders (shop_id, status, id);
create index orders_email on orders (shop_id, email, id);
alter table carts add foreign key (shop_id, order_id) references orders (shop_id, id);

create table order_lines (
  shop_id      uuid not null references shops,
  id           uuid not null,
  order_id     uuid not null,
  position     integer not null,
  variant_id   uuid not null,
  product_name text not null,
  variant_name text not null,
  quantity     integer not null check (quantity > 0),
  unit_price   bigint not null check (unit_price >= 0),
  primary key (shop_id, id),
  foreign key (shop_id, order_id) references orders (shop_id, id),
  foreign key (shop_id, variant_id) references variants (shop_id, id)
);
create index order_lines_order on order_lines (shop_id, order_id, position);

create table order_events (
  shop_id  uuid not null references shops,
  id       uuid not null,
  order_id uuid not null,
  kind     text not null,
  data     jsonb not null default '{}',
  actor    text not null,
  at       timestamptz not null default now(),
  primary key (shop_id, id),
  foreign key (shop_id, order_id) references orders (shop_id, id)
);
create index order_events_order on order_events (shop_id, order_id, id);

create table batches (
  shop_id    uuid not null references shops,
  id         uuid not null,
  variant_id uuid not null,
  source     text not null,
  created_at timestamptz not null default now(),
  primary key (shop_id, id),
  foreign key (shop_id, variant_id) references variants (shop_id, id)
);

create table codes (
  shop_id        uuid not null references shops,
  id             uuid not null,
  variant_id     uuid not null,
  batch_id       uuid not null,
  position       bigint generated always as identity,
  state          text not null check (state in ('available', 'reserved', 'sold')),
  sealed         bytea not null,
  key_version    integer not null,
  lookup         bytea not null,
  order_line_id  uuid,
  sold_at        timestamptz,
  primary key (shop_id, id),
  unique (shop_id, variant_id, lookup),
  foreign key (shop_id, variant_id) references variants (shop_id, id),
  foreign key (shop_id, batch_id) references batches (shop_id, id),
  foreign key (shop_id, order_line_id) references order_lines (shop_id, id),
  -- One row, one order line: a code cannot have two live sales.
  check ((state = 'available') = (order_line_id is null)),
  check ((state = 'sold') = (sold_at is not null))
);
create index codes_available on codes (shop_id, variant_id, position) where state = 'available';
create index codes_line on codes (shop_id, order_line_id) where order_line_id is not null;
create index codes_listed on codes (shop_id, variant_id, id);

create table reveals (
  shop_id  uuid not null references shops,
  id       uuid not null,
  code_id  uuid not null,
  actor    text not null,
  address  text not null,
  at       timestamptz not null default now(),
  primary key (shop_id, id)
);
create index reveals_code on reveals (shop_id, code_id);

create table payment_accounts (
  shop_id      uuid not null references shops,
  id           uuid not null,
  provider     text not null,
  settles_with text not null check (settles_with in ('merchant', 'platform')),
  enabled      boolean not null default true,
  created_at   timestamptz not null default now(),
  primary key (shop_id, id)
);

create table payments (
  shop_id            uuid not null references shops,
  id                 uuid not null,
  order_id           uuid not null,
  account_id         uuid not null,
  amount             bigint not null check (amount > 0),
  currency           text not null,
  state              text not null check (state in ('started', 'succeeded', 'failed')),
  provider_reference text,
  redirect_url       text,
  created_at         timestamptz not null default now(),
  primary key (shop_id, id),
  foreign key (shop_id, order_id) references orders (shop_id, id),
  foreign key (shop_id, account_id) references payment_accounts (shop_id, id)
);
create index payments_order on payments (shop_id, order_id, id);

create table inbox (
  shop_id     uuid not null references shops,
  id          uuid not null,
  account_id  uuid not null,
  event_key   text not null,
  body        bytea not null,
  notice      jsonb not null,
  received_at timestamptz not null default now(),
  applied_at  timestamptz,
  problem     text,
  primary key (shop_id, id),
  unique (shop_id, account_id, event_key),
  foreign key (shop_id, account_id) references payment_accounts (shop_id, id)
);

-- What a provider really took: a payment paid twice has two takings.
create table takings (
  shop_id            uuid not null references shops,
  id                 uuid not null,
  payment_id         uuid not null,
  order_id           uuid not null,
  account_id         uuid not null,
  provider_reference text not null,
  amount             bigint not null check (amount > 0),
  currency           text not null,
  fee                bigint not null check (fee >= 0),
  refunded           bigint not null default 0 check (refunded between 0 and amount),
  state              text not null check (state in ('delivered', 'returned')),
  at                 timestamptz not null default now(),
  primary key (shop_id, id),
  unique (shop_id, account_id, provider_reference),
  foreign key (shop_id, payment_id) references payments (shop_id, id),
  foreign key (shop_id, order_id) references orders (shop_id, id),
  foreign key (shop_id, account_id) references payment_accounts (shop_id, id),
  -- Money that bought nothing goes back whole.
  check (state = 'delivered' or refunded = amount)
);
-- One taking at most pays for an order.
create unique index takings_delivered on takings (shop_id, order_id) where state = 'delivered';
create index takings_order on takings (shop_id, order_id);

create table refunds (
  shop_id            uuid not null references shops,
  id                 uuid not null,
  order_id           uuid not null,
  taking_id          uuid not null,
  amount             bigint not null check (amount > 0),
  currency           text not null,
  reason             text not null,
  state              text not null check (state in ('requested', 'succeeded', 'due')),
  problem            text not null default '',
  provider_reference text,
  created_at         timestamptz not null default now(),
  settled_at         timestamptz,
  primary key (shop_id, id),
  foreign key (shop_id, order_id) references orders (shop_id, id),
  foreign key (shop_id, taking_id) references takings (shop_id, id)
);
create index refunds_order on refunds (shop_id, order_id);
create index refunds_taking on refunds (shop_id, taking_id);

create table ledger_transactions (
  shop_id    uuid not null references shops,
  id         uuid not null,
  kind       text not null check (kind in ('sale', 'unearned', 'refund')),
  subject_id uuid not null,
  order_id   uuid not null,
  currency   text not null,
  at         timestamptz not null default now(),
  primary key (shop_id, id),
  unique (shop_id, kind, subject_id),
  unique (shop_id, id, currency),
  foreign key (shop_id, order_id) references orders (shop_id, id)
);

create table ledger_entries (
  shop_id        uuid not null references shops,
  transaction_id uuid not null,
  line           integer not null,
  account        text not null,
  currency       text not null,
  amount         bigint not null check (amount <> 0),
  primary key (shop_id, transaction_id, line),
  foreign key (shop_id, transaction_id, currency)
    references ledger_transactions (shop_id, id, currency)
);
create index ledger_entries_account on ledger_entries (shop_id, account, currency);

create function ledger_transaction_sums_to_zero() returns trigger language plpgsql as $$
begin
  if (select coalesce(sum(amount), 1) from ledger_entries
      where shop_id = new.shop_id and transaction_id = new.transaction_id) <> 0 then
    raise exception 'ledger transaction % does not sum to zero', new.transaction_id
      using errcode = 'check_violation';
  end if;
  return null;
end $$;
create constraint trigger ledger_entries_zero after insert on ledger_entries
  deferrable initially deferred for each row execute function ledger_transaction_sums_to_zero();

create table outbox (
  shop_id    uuid not null,            -- no reference: the installation itself has work, too
  id         uuid not null,
  kind       text not null,
  subject_id uuid not null,
  due_at     timestamptz not null,
  attempts   integer not null default 0,
  done_at    timestamptz,
  failed_at  timestamptz,
  problem    text not null default '',
  created_at timestamptz not null default now(),
  primary key (shop_id, id)
);
create index outbox_due on outbox (due_at) where done_at is null and failed_at is null;

create table jobs (
  shop_id     uuid not null references shops,
  id          uuid not null,
  kind        text not null check (kind in ('codes_import')),
  state       text not null check (state in ('queued', 'running', 'done', 'failed', 'canceled')),
  done        bigint not null default 0,
  total       bigint not null default 0 check (done <= total),
  cancel      boolean not null default false,
  input       jsonb not null,
  result      jsonb not null default '{}',
  created_at  timestamptz not null default now(),
  finished_at timestamptz,
  primary key (shop_id, id)
);

create table idempotency_keys (
  shop_id     uuid not null references shops,
  operation   text not null,
  key         text not null check (length(key) between 1 and 200),
  fingerprint bytea not null,
  object_id   uuid not null,
  created_at  timestamptz not null default now(),
  primary key (shop_id, operation, key)
);
