-- The narrow doors to tables without a shop: each looks up by a host or by the hash of a secret that
-- its caller had to know. They run as the owner; tests hold the list closed.

create function host_shop(p_host text) returns setof shops
language sql stable security definer set search_path = public, pg_temp as $$
  select shops.* from hosts join shops on shops.id = hosts.shop_id where hosts.host = p_host
$$;

create function token_shop(p_secret_hash bytea)
returns table (token_id uuid, shop shops)
language sql stable security definer set search_path = public, pg_temp as $$
  select api_tokens.id, shops from api_tokens join shops on shops.id = api_tokens.shop_id
  where secret_hash = p_secret_hash and revoked_at is null
    and (expires_at is null or expires_at > now())
$$;

create function account_create(p_id uuid, p_email text, p_password_hash text, p_locale text)
returns boolean language sql security definer set search_path = public, pg_temp as $$
  with created as (
    insert into accounts (id, email, password_hash, locale)
    values (p_id, p_email, p_password_hash, p_locale)
    on conflict (email) do nothing returning id)
  select exists (select from created)
$$;

create function account_for_sign_in(p_email text)
returns table (id uuid, password_hash text, confirmed_at timestamptz, locale text)
language sql stable security definer set search_path = public, pg_temp as $$
  select id, password_hash, confirmed_at, locale from accounts where email = p_email
$$;

create function account_token_create(
  p_secret_hash bytea, p_id uuid, p_account_id uuid, p_purpose text, p_expires_at timestamptz)
returns void language sql security definer set search_path = public, pg_temp as $$
  insert into account_tokens (secret_hash, id, account_id, purpose, expires_at)
  values (p_secret_hash, p_id, p_account_id, p_purpose, p_expires_at)
$$;

create function account_token_recipient(p_secret_hash bytea)
returns table (email text, locale text, purpose text)
language sql stable security definer set search_path = public, pg_temp as $$
  select email, locale, purpose from account_tokens join accounts on accounts.id = account_id
  where secret_hash = p_secret_hash and used_at is null and expires_at > now()
$$;

create function account_confirm(p_secret_hash bytea) returns uuid
language sql security definer set search_path = public, pg_temp as $$
  with used as (
    update account_tokens set used_at = now()
    where secret_hash = p_secret_hash and purpose = 'confirm' and used_at is null
      and expires_at > now()
    returning account_id)
  update accounts set confirmed_at = coalesce(confirmed_at, now())
  from used where accounts.id = used.account_id returning accounts.id
$$;

-- A new password ends every session and every other link that could set one: whoever held the old
-- one, or once read the mailbox, is out.
create function account_reset(p_secret_hash bytea, p_password_hash text) returns uuid
language sql security definer set search_path = public, pg_temp as $$
  with used as (
    update account_tokens set used_at = now()
    where secret_hash = p_secret_hash and purpose = 'reset' and used_at is null
      and expires_at > now()
    returning account_id),
  others as (
    update account_tokens set used_at = now() from used
    where account_tokens.account_id = used.account_id and secret_hash <> p_secret_hash
      and purpose = 'reset' and used_at is null),
  ended as (
    delete from sessions using used where sessions.account_id = used.account_id)
  update accounts set password_hash = p_password_hash, confirmed_at = coalesce(confirmed_at, now())
  from used where accounts.id = used.account_id returning accounts.id
$$;

create function session_create(
  p_secret_hash bytea, p_id uuid, p_account_id uuid, p_expires_at timestamptz,
  p_address text, p_user_agent text)
returns void language sql security definer set search_path = public, pg_temp as $$
  insert into sessions (secret_hash, id, account_id, expires_at, address, user_agent)
  values (p_secret_hash, p_id, p_account_id, p_expires_at, p_address, p_user_agent)
$$;

create function session_end(p_secret_hash bytea) returns void
language sql security definer set search_path = public, pg_temp as $$
  delete from sessions where secret_hash = p_secret_hash
$$;

create function session_account(p_secret_hash bytea)
returns table (session_id uuid, account_id uuid, email text, locale text, is_operator boolean)
language sql stable security definer set search_path = public, pg_temp as $$
  select sessions.id, accounts.id, email, locale,
         exists (select from operators where operators.account_id = accounts.id)
  from sessions join accounts on accounts.id = sessions.account_id
  where secret_hash = p_secret_hash and expires_at > now()
$$;

create function session_shops(p_secret_hash bytea) returns setof shops
language sql stable security definer set search_path = public, pg_temp as $$
  select shops.* from sessions
  join memberships using (account_id) join shops on shops.id = memberships.shop_id
  where secret_hash = p_secret_hash and expires_at > now() order by shops.id
$$;

create function session_shop(p_secret_hash bytea, p_slug text) returns setof shops
language sql stable security definer set search_path = public, pg_temp as $$
  select * from session_shops(p_secret_hash) where slug = p_slug
$$;

-- Opens a shop for whoever holds the session; answers false where the address is taken.
create function shop_create(
  p_secret_hash bytea, p_id uuid, p_slug text, p_host text, p_name text,
  p_locale text, p_currency text, p_wrapped_key bytea)
returns boolean language plpgsql security definer set search_path = public, pg_temp as $$
declare
  owner_id uuid;
begin
  select account_id into owner_id from sessions
  where secret_hash = p_secret_hash and expires_at > now();
  if owner_id is null then
    raise exception 'no such session' using errcode = 'insufficient_privilege';
  end if;
  perform pg_advisory_xact_lock(hashtextextended('host:' || p_host, 0));
  if exists (select from hosts where host = p_host) then
    return false;
  end if;
  insert into shops (id, slug, name, status, locales, default_locale, currencies, default_currency)
  values (p_id, p_slug, p_name, 'open', array[p_locale], p_locale, array[p_currency], p_currency);
  insert into hosts (host, shop_id) values (p_host, p_id);
  insert into memberships (account_id, shop_id, role) values (owner_id, p_id, 'owner');
  insert into shop_keys (shop_id, version, wrapped) values (p_id, 1, p_wrapped_key);
  return true;
end $$;

-- The merchant opens and closes the shop of this transaction; a suspended one stays suspended.
create function shop_set_open(p_open boolean) returns boolean
language sql security definer set search_path = public, pg_temp as $$
  with changed as (
    update shops set status = case when p_open then 'open' else 'closed' end
    where id = nullif(current_setting('app.shop', true), '')::uuid and status <> 'suspended'
    returning id)
  select exists (select from changed)
$$;

-- Who is told about orders and stock of the shop of this transaction.
create function shop_merchants() returns table (email text, locale text)
language sql stable security definer set search_path = public, pg_temp as $$
  select email, locale from memberships join accounts on accounts.id = account_id
  where shop_id = nullif(current_setting('app.shop', true), '')::uuid and role = 'owner'
$$;

create function require_operator(p_secret_hash bytea) returns void
language plpgsql stable security definer set search_path = public, pg_temp as $$
begin
  if not exists (
    select from sessions join operators using (account_id)
    where secret_hash = p_secret_hash and expires_at > now()) then
    raise exception 'not an operator' using errcode = 'insufficient_privilege';
  end if;
end $$;

create function operator_shops(
  p_secret_hash bytea, p_query text, p_status text, p_after uuid, p_limit integer)
returns table (id uuid, slug text, name text, status text, status_reason text,
               created_at timestamptz, owner_email text, order_count bigint)
language plpgsql stable security definer set search_path = public, pg_temp as $$
begin
  perform require_operator(p_secret_hash);
  return query
    select shops.id, shops.slug, shops.name, shops.status, shops.status_reason, shops.created_at,
           (select accounts.email from memberships join accounts on accounts.id = account_id
            where memberships.shop_id = shops.id and role = 'owner'
            order by memberships.created_at limit 1),
           (select count(*) from orders
            where orders.shop_id = shops.id and orders.paid_at is not null)
    from shops
    where (p_after is null or shops.id < p_after)
      and (p_status is null or shops.status = p_status)
      and (p_query is null
           or position(lower(p_query) in lower(shops.name || ' ' || shops.slug)) > 0
           or exists (select from memberships join accounts on accounts.id = account_id
                      where memberships.shop_id = shops.id
                        and position(lower(p_query) in accounts.email) > 0))
    order by shops.id desc limit p_limit;
end $$;

create function operator_shop(p_secret_hash bytea, p_id uuid)
returns table (id uuid, slug text, name text, status text, status_reason text,
               created_at timestamptz, owner_email text, order_count bigint)
language plpgsql stable security definer set search_path = public, pg_temp as $$
begin
  perform require_operator(p_secret_hash);
  return query
    select shops.id, shops.slug, shops.name, shops.status, shops.status_reason, shops.created_at,
           (select accounts.email from memberships join accounts on accounts.id = account_id
            where memberships.shop_id = shops.id and role = 'owner'
            order by memberships.created_at limit 1),
           (select count(*) from orders
            where orders.shop_id = shops.id and orders.paid_at is not null)
    from shops where shops.id = p_id;
end $$;

create function operator_shop_suspend(
  p_secret_hash bytea, p_id uuid, p_suspended boolean, p_reason text)
returns boolean language plpgsql security definer set search_path = public, pg_temp as $$
begin
  perform require_operator(p_secret_hash);
  update shops
  set status = case when p_suspended then 'suspended' else coalesce(status_before, 'open') end,
      status_before = case when p_suspended then status end,
      status_reason = p_reason
  where id = p_id and (status = 'suspended') <> p_suspended;
  return found;
end $$;

revoke execute on all functions in schema public from public;
grant execute on function
  host_shop, token_shop, account_create, account_for_sign_in, account_token_create,
  account_token_recipient, account_confirm, account_reset, session_create, session_end,
  session_account, session_shops, session_shop, shop_create, shop_set_open, shop_merchants,
  operator_shops, operator_shop, operator_shop_suspend
to keystall_app;
