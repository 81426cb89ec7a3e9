create table product (id bigint primary key generated always as identity, tenant_id bigint not null,
  name text not null, slug text not null, description text not null, price_minor bigint not null,
  currency char(3) not null, asset_url text, in_stock boolean not null, position int not null);
create unique index on product (tenant_id, slug);
create index on product (tenant_id, position);
create table checkout (id uuid primary key default gen_random_uuid(), tenant_id bigint not null,
  email text not null, product_id bigint not null, total_minor bigint not null, state text not null);
create table orders (id bigint primary key generated always as identity, tenant_id bigint not null,
  email text not null, total_minor bigint not null, currency char(3) not null, state text not null,
  created_at timestamptz not null default now());
create table order_line (id bigint primary key generated always as identity,
  order_id bigint not null references orders, product_id bigint not null, quantity int not null,
  price_minor bigint not null);
create table code (id bigint primary key generated always as identity, tenant_id bigint not null,
  product_id bigint not null, secret bytea not null, lookup bytea not null, order_id bigint);
create index code_free on code (tenant_id, product_id, id) where order_id is null;
create index code_sold on code (order_id) where order_id is not null;
create table outbox (id bigint primary key generated always as identity, tenant_id bigint not null,
  topic text not null, body jsonb not null, sent_at timestamptz);
create table ledger (id bigint primary key generated always as identity, tenant_id bigint not null,
  order_id bigint not null, account text not null, amount_minor bigint not null);

insert into product (tenant_id, name, slug, description, price_minor, currency, asset_url, in_stock,
  position)
select 1, 'Product ' || i, 'product-' || i,
  repeat('A digital licence delivered by e-mail at once after payment. Works world-wide, one '
    'activation, no expiry. ', 2) || 'Number ' || i || '.',
  500 + i % 60 * 100, 'USD',
  case when i % 2 = 1 then 'https://cdn.example/' || i || '.webp' end, true, i
from generate_series(1, 1000) i;

insert into code (tenant_id, product_id, secret, lookup)
select 1, 1 + g % 1000, decode(repeat('ab', 64), 'hex'), sha256(g::text::bytea)
from generate_series(1, 200000) g;

-- The whole of a sale in one durable commit.
create function place_order(p_email text, p_product bigint) returns bigint language plpgsql as $$
declare c bigint; o bigint;
begin
  select id into c from code
  where tenant_id = 1 and product_id = p_product and order_id is null
  order by id for update skip locked limit 1;
  if c is null then return null; end if;
  insert into orders (tenant_id, email, total_minor, currency, state)
    values (1, p_email, 1500, 'USD', 'paid') returning id into o;
  insert into order_line (order_id, product_id, quantity, price_minor)
    values (o, p_product, 1, 1500);
  update code set order_id = o where id = c;
  insert into outbox (tenant_id, topic, body) values (1, 'order.paid', '{"order": 1}');
  insert into ledger (tenant_id, order_id, account, amount_minor)
    values (1, o, 'sales', -1500), (1, o, 'clearing', 1500);
  return o;
end $$;

create function pay_checkout(p_checkout uuid) returns bigint language plpgsql as $$
declare k checkout;
begin
  update checkout set state = 'paid' where id = p_checkout and state = 'open' returning * into k;
  if k.id is null then return null; end if;
  return place_order(k.email, k.product_id);
end $$;

analyze;
