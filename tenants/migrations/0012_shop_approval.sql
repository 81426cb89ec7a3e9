-- Shops approved before or after they open. Additive: what older processes call stays as it is.

alter table shops drop constraint shops_status_check, drop constraint shops_status_before_check;
alter table shops
  add constraint shops_status_check
    check (status in ('pending', 'declined', 'open', 'closed', 'suspended')),
  add constraint shops_status_before_check
    check (status_before in ('pending', 'declined', 'open', 'closed')),
  add column reviewed_at timestamptz;  -- when an operator looked at it; null: it is new
update shops set reviewed_at = now();

-- As before, opened in the state that the installation's setting asks for.
create function shop_create(
  p_secret_hash bytea, p_id uuid, p_slug text, p_host text, p_name text,
  p_locale text, p_currency text, p_wrapped_key bytea, p_status text)
returns boolean language plpgsql security definer set search_path = public, pg_temp as $$
begin
  if p_status not in ('open', 'pending') then
    raise exception 'a new shop is open or pending' using errcode = 'check_violation';
  end if;
  if not shop_create(p_secret_hash, p_id, p_slug, p_host, p_name, p_locale, p_currency,
                     p_wrapped_key) then
    return false;
  end if;
  update shops set status = p_status where id = p_id and status <> p_status;
  return true;
end $$;

create or replace function shop_set_open(p_open boolean) returns boolean
language sql security definer set search_path = public, pg_temp as $$
  with changed as (
    update shops set status = case when p_open then 'open' else 'closed' end
    where id = nullif(current_setting('app.shop', true), '')::uuid and status in ('open', 'closed')
    returning id)
  select exists (select from changed)
$$;

-- The merchant of the shop of this transaction asks again after a no.
create function shop_ask_approval() returns boolean
language sql security definer set search_path = public, pg_temp as $$
  with changed as (
    update shops set status = 'pending'
    where id = nullif(current_setting('app.shop', true), '')::uuid and status = 'declined'
    returning id)
  select exists (select from changed)
$$;

-- 'approve', 'decline' with a reason, or 'look': seen, and left as it is.
create function operator_shop_review(
  p_secret_hash bytea, p_id uuid, p_verdict text, p_reason text)
returns boolean language plpgsql security definer set search_path = public, pg_temp as $$
declare
  who uuid := operator_account(p_secret_hash);
begin
  update shops
  set status = case p_verdict when 'approve' then 'open' when 'decline' then 'declined'
                              else status end,
      status_reason = case when p_verdict = 'look' then status_reason else p_reason end,
      reviewed_at = now()
  where id = p_id
    and (p_verdict = 'approve' and status in ('pending', 'declined')
         or p_verdict = 'decline' and status = 'pending'
         or p_verdict = 'look' and reviewed_at is null);
  if not found then
    return false;
  end if;
  insert into operator_actions (account_id, action, shop_id, note)
  values (who, 'shop.' || p_verdict, p_id, p_reason);
  return true;
end $$;

create function operator_shop_list(
  p_secret_hash bytea, p_id uuid, p_query text, p_status text, p_new boolean, p_after uuid,
  p_limit integer)
returns table (id uuid, slug text, name text, status text, status_reason text,
               created_at timestamptz, reviewed_at timestamptz, owner_email text,
               order_count bigint)
language plpgsql stable security definer set search_path = public, pg_temp as $$
begin
  perform require_operator(p_secret_hash);
  return query
    select shops.id, shops.slug, shops.name, shops.status, shops.status_reason, shops.created_at,
           shops.reviewed_at,
           (select accounts.email from memberships join accounts on accounts.id = account_id
            where memberships.shop_id = shops.id and role = 'owner'
            order by memberships.created_at limit 1),
           (select count(*) from orders
            where orders.shop_id = shops.id and orders.paid_at is not null)
    from shops
    where (p_id is null or shops.id = p_id)
      and (p_after is null or shops.id < p_after)
      and (p_status is null or shops.status = p_status)
      and (p_new is null or (shops.reviewed_at is null) = p_new)
      and (p_query is null
           or position(lower(p_query) in lower(shops.name || ' ' || shops.slug)) > 0
           or exists (select from memberships join accounts on accounts.id = account_id
                      where memberships.shop_id = shops.id
                        and position(lower(p_query) in accounts.email) > 0))
    order by shops.id desc limit p_limit;
end $$;

create function operator_shop_counts(p_secret_hash bytea)
returns table (waiting bigint, unseen bigint, selling bigint)
language plpgsql stable security definer set search_path = public, pg_temp as $$
begin
  perform require_operator(p_secret_hash);
  return query
    select count(*) filter (where status = 'pending'), count(*) filter (where reviewed_at is null),
           count(*) filter (where status = 'open') from shops;
end $$;

revoke execute on function
  shop_create(bytea, uuid, text, text, text, text, text, bytea, text),
  shop_ask_approval, operator_shop_review, operator_shop_list, operator_shop_counts
from public;
grant execute on function
  shop_create(bytea, uuid, text, text, text, text, text, bytea, text),
  shop_ask_approval, operator_shop_review, operator_shop_list, operator_shop_counts
to keystall_app;
