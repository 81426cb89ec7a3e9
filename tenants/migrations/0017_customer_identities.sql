-- Customers who sign in by Google, GitHub, QQ or WeChat, and their tries to. Adds only.

create table customer_identities (
  shop_id     uuid not null references shops,
  provider    text not null check (provider in ('google', 'github', 'qq', 'wechat')),
  -- What the provider calls them; one person may be several of these.
  subject     text not null,
  customer_id uuid not null,
  created_at  timestamptz not null default now(),
  primary key (shop_id, provider, subject),
  foreign key (shop_id, customer_id) references customers (shop_id, id) on delete cascade
);
create index customer_identities_customer on customer_identities (shop_id, customer_id);

-- One browser's try: from where it left to where it comes back to, once.
create table customer_flows (
  shop_id      uuid not null references shops,
  id           uuid not null,
  provider     text not null check (provider in ('google', 'github', 'qq', 'wechat')),
  host         text not null,
  locale       text not null,
  browser_hash bytea not null,
  created_at   timestamptz not null default now(),
  expires_at   timestamptz not null,
  used_at      timestamptz,
  primary key (shop_id, id)
);

select tenant_wall(name::regclass, 'shop_id', 'select, insert, update, delete') from unnest(array[
  'customer_identities', 'customer_flows']) name;

-- As it was, and 'customer_flows'.
create or replace function retention_sweep_customers(
  p_what text, p_before timestamptz, p_limit integer)
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
  when 'customer_flows' then
    delete from customer_flows using (
      select shop_id, id from customer_flows where expires_at < p_before limit p_limit
      for update skip locked) old
    where customer_flows.shop_id = old.shop_id and customer_flows.id = old.id;
  end case;
  get diagnostics touched = row_count;
  return touched;
end $$;
