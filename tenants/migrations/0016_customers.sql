-- Customers who sign in to see their orders. Adds only.

create table customers (
  shop_id       uuid not null references shops,
  id            uuid not null,
  -- Only ever an address that its owner proved: nothing else may show orders.
  email         text,
  password_hash text,
  locale        text not null,
  created_at    timestamptz not null default now(),
  seen_at       timestamptz not null default now(),
  primary key (shop_id, id),
  unique (shop_id, email),
  check (password_hash is null or email is not null)
);

create table customer_sessions (
  shop_id     uuid not null references shops,
  id          uuid not null,
  customer_id uuid not null,
  secret_hash bytea not null,
  opened_by   text not null check (opened_by in ('link', 'password', 'provider')),
  address     text not null default '',
  user_agent  text not null default '',
  created_at  timestamptz not null default now(),
  expires_at  timestamptz not null,
  primary key (shop_id, id),
  unique (shop_id, secret_hash),
  foreign key (shop_id, customer_id) references customers (shop_id, id) on delete cascade
);
create index customer_sessions_customer on customer_sessions (shop_id, customer_id);

create table customer_links (
  shop_id     uuid not null references shops,
  id          uuid not null,
  email       text not null,
  locale      text not null,
  customer_id uuid,
  created_at  timestamptz not null default now(),
  expires_at  timestamptz not null,
  used_at     timestamptz,
  primary key (shop_id, id),
  foreign key (shop_id, customer_id) references customers (shop_id, id) on delete cascade
);
create index customer_links_customer on customer_links (shop_id, customer_id);

select tenant_wall(name::regclass, 'shop_id', 'select, insert, update, delete') from unnest(array[
  'customers', 'customer_sessions', 'customer_links']) name;

-- As retention_sweep: a bounded number of rows of every shop that are older than the moment.
-- 'customers' goes by the last time somebody signed in.
create function retention_sweep_customers(p_what text, p_before timestamptz, p_limit integer)
returns integer
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  touched integer;
begin
  if p_before > now() - interval '1 hour' then
    raise exception 'too young to be swept' using errcode = 'check_violation';
  end if;
  case p_what
  when 'customers' then
    delete from customers using (
      select shop_id, id from customers
      where seen_at < p_before and not exists (
        select from customer_sessions live where live.shop_id = customers.shop_id
          and live.customer_id = customers.id and live.expires_at > now())
      limit p_limit for update skip locked) old
    where customers.shop_id = old.shop_id and customers.id = old.id;
  when 'customer_sessions' then
    delete from customer_sessions using (
      select shop_id, id from customer_sessions where expires_at < p_before limit p_limit
      for update skip locked) old
    where customer_sessions.shop_id = old.shop_id and customer_sessions.id = old.id;
  when 'customer_links' then
    delete from customer_links using (
      select shop_id, id from customer_links where expires_at < p_before limit p_limit
      for update skip locked) old
    where customer_links.shop_id = old.shop_id and customer_links.id = old.id;
  end case;
  get diagnostics touched = row_count;
  return touched;
end $$;

revoke execute on function retention_sweep_customers from public;
grant execute on function retention_sweep_customers to keystall_app;
