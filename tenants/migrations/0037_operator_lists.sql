-- The operator's lists again, each told what nobody asked for (`p_without`, columns of its answer):
-- that is null and costs nothing, neither counted nor joined. Processes of before leave nothing out:
-- they find the same functions by the arguments that they know. docs/decisions/0052.

drop function operator_shop_list(bytea, uuid, text, text, boolean, uuid, integer);
create function operator_shop_list(
  p_secret_hash bytea, p_id uuid, p_query text, p_status text, p_new boolean, p_after uuid,
  p_limit integer, p_without text[] default '{}')
returns table (id uuid, slug text, name text, status text, status_reason text,
               created_at timestamptz, reviewed_at timestamptz, owner_email text,
               order_count bigint)
language plpgsql stable security definer set search_path = public, pg_temp as $$
begin
  perform require_operator(p_secret_hash);
  return query
    select shops.id, shops.slug, shops.name, shops.status,
           case when 'status_reason' <> all (p_without) then shops.status_reason end,
           shops.created_at, shops.reviewed_at,
           case when 'owner_email' <> all (p_without) then
             (select accounts.email from memberships join accounts on accounts.id = account_id
              where memberships.shop_id = shops.id and role = 'owner'
              order by memberships.created_at limit 1) end,
           case when 'order_count' <> all (p_without) then
             (select count(*) from orders
              where orders.shop_id = shops.id and orders.paid_at is not null) end
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

drop function operator_work(bytea, uuid, text, uuid, integer);
create function operator_work(
  p_secret_hash bytea, p_id uuid, p_kind text, p_after uuid, p_limit integer,
  p_without text[] default '{}')
returns table (id uuid, shop_id uuid, shop_slug text, shop_name text, kind text, problem text,
               attempts integer, created_at timestamptz, failed_at timestamptz, due_at timestamptz)
language plpgsql stable security definer set search_path = public, pg_temp as $$
begin
  perform require_operator(p_secret_hash);
  return query
    select outbox.id, shops.id, shops.slug, shops.name, outbox.kind,
           outbox.problem, outbox.attempts, outbox.created_at, outbox.failed_at, outbox.due_at
    from outbox
    left join shops on shops.id = outbox.shop_id and 'shop_name' <> all (p_without)
    where done_at is null and dropped_at is null and outbox.attempts >= 5 and outbox.problem <> ''
      and (p_id is null or outbox.id = p_id)
      and (p_kind is null or outbox.kind = p_kind)
      and (p_after is null or outbox.id < p_after)
    order by outbox.id desc limit p_limit;
end $$;

drop function operator_record(bytea, bigint, integer);
create function operator_record(
  p_secret_hash bytea, p_after bigint, p_limit integer, p_without text[] default '{}')
returns table (id bigint, email text, action text, shop_id uuid, shop_slug text, shop_name text,
               subject text, note text, count integer, at timestamptz)
language plpgsql stable security definer set search_path = public, pg_temp as $$
begin
  perform require_operator(p_secret_hash);
  return query
    select operator_actions.id,
           case when 'email' <> all (p_without) then coalesce(accounts.email, '') end,
           operator_actions.action, shops.id, shops.slug, shops.name, operator_actions.subject,
           case when 'note' <> all (p_without) then operator_actions.note end,
           operator_actions.count, operator_actions.at
    from operator_actions
    left join accounts
      on accounts.id = operator_actions.account_id and 'email' <> all (p_without)
    left join shops on shops.id = operator_actions.shop_id and 'shop_name' <> all (p_without)
    where p_after is null or operator_actions.id < p_after
    order by operator_actions.id desc limit p_limit;
end $$;

drop function operator_forbidden_terms(bytea, uuid, integer);
create function operator_forbidden_terms(
  p_secret_hash bytea, p_after uuid, p_limit integer, p_without text[] default '{}')
returns table (id uuid, term text, reason text, created_at timestamptz, scanned_at timestamptz,
               found bigint)
language plpgsql stable security definer set search_path = public, pg_temp as $$
begin
  perform require_operator(p_secret_hash);
  return query
    select t.id, t.term, case when 'reason' <> all (p_without) then t.reason end, t.created_at,
           t.scanned_at,
           case when 'found' <> all (p_without) then
             (select count(*) from forbidden_findings where term_id = t.id) end
    from forbidden_terms t where p_after is null or t.id < p_after
    order by t.id desc limit p_limit;
end $$;

-- Whose term it is says whether a finding is listed; the product and the shop are only named.
drop function operator_forbidden_findings(bytea, uuid, integer);
create function operator_forbidden_findings(
  p_secret_hash bytea, p_after uuid, p_limit integer, p_without text[] default '{}')
returns table (id uuid, product_id uuid, product text, product_slug text, shop_id uuid,
               shop_slug text, shop_name text, term text, reason text, field text,
               found_at timestamptz)
language plpgsql stable security definer set search_path = public, pg_temp as $$
begin
  perform require_operator(p_secret_hash);
  return query
    select f.id, f.product_id, p.name, p.slug, f.shop_id, s.slug, s.name, t.term,
           case when 'reason' <> all (p_without) then t.reason end, f.field, f.found_at
    from forbidden_findings f
    join forbidden_terms t on t.id = f.term_id
    left join products p on p.shop_id = f.shop_id and p.id = f.product_id
      and not '{product,product_slug}' <@ p_without
    left join shops s on s.id = f.shop_id and not '{shop_slug,shop_name}' <@ p_without
    where p_after is null or f.id < p_after
    order by f.id desc limit p_limit;
end $$;

revoke execute on function
  operator_shop_list, operator_work, operator_record, operator_forbidden_terms,
  operator_forbidden_findings
from public;
grant execute on function
  operator_shop_list, operator_work, operator_record, operator_forbidden_terms,
  operator_forbidden_findings
to keystall_app;
