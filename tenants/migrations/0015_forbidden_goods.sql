-- Goods that may not be sold on the installation, and the products on sale that have one of their
-- terms. Additive.

-- `normal`: the term brought to the form in which it is looked for.
create table forbidden_terms (
  id         uuid primary key,
  term       text not null check (term <> ''),
  normal     text not null unique check (normal <> ''),
  reason     text not null check (reason <> ''),
  created_at timestamptz not null default now(),
  scanned_at timestamptz  -- when all shops had been looked through for it
);

-- A product on sale that had the term when the term was added. Whoever changes the product so that
-- it has none, or takes it off sale, ends this.
create table forbidden_findings (
  shop_id    uuid not null references shops,
  id         uuid not null,
  product_id uuid not null,
  term_id    uuid not null,            -- no reference: terms are no shop's
  field      text not null check (field in ('name', 'description', 'translation', 'variant')),
  found_at   timestamptz not null default now(),
  primary key (shop_id, id),
  unique (shop_id, product_id, term_id),
  foreign key (shop_id, product_id) references products (shop_id, id) on delete cascade
);
create index forbidden_findings_listed on forbidden_findings (id);
create index forbidden_findings_term on forbidden_findings (term_id);

select tenant_wall('forbidden_findings', 'shop_id', 'select, insert, delete');

-- Why the operator took it off sale, until it is on sale again.
alter table products add column stopped_reason text not null default '';

select audit_wall('products', 'product', 'id', 'name', true, array[
  'slug', 'name', 'description', 'category_id', 'translations', 'status', 'position',
  'buyer_fields', 'stopped_reason']);

-- The terms, for whoever puts something on sale: nobody adds one before that transaction is over.
-- So either the term is seen here, or the product is there when the shops are looked through for it.
create function forbidden_terms_held() returns table (id uuid, term text, reason text)
language plpgsql security definer set search_path = public, pg_temp as $$
begin
  perform pg_advisory_xact_lock_shared(hashtextextended('forbidden_terms', 0));
  return query select forbidden_terms.id, forbidden_terms.term, forbidden_terms.reason
    from forbidden_terms order by forbidden_terms.id;
end $$;

-- For the look through all shops: those that may have something on sale, after `p_after`.
create function forbidden_scan_shops(p_after uuid, p_limit integer) returns table (id uuid)
language sql stable security definer set search_path = public, pg_temp as $$
  select id from shops where id > p_after order by id limit p_limit
$$;

create function forbidden_scan_done(p_term uuid) returns void
language sql security definer set search_path = public, pg_temp as $$
  update forbidden_terms set scanned_at = now() where id = p_term and scanned_at is null
$$;

create function operator_forbidden_terms(p_secret_hash bytea, p_after uuid, p_limit integer)
returns table (id uuid, term text, reason text, created_at timestamptz, scanned_at timestamptz,
               found bigint)
language plpgsql stable security definer set search_path = public, pg_temp as $$
begin
  perform require_operator(p_secret_hash);
  return query
    select t.id, t.term, t.reason, t.created_at, t.scanned_at,
           (select count(*) from forbidden_findings where term_id = t.id)
    from forbidden_terms t where p_after is null or t.id < p_after
    order by t.id desc limit p_limit;
end $$;

-- Answers '' or the code of a refusal.
create function operator_forbidden_add(
  p_secret_hash bytea, p_id uuid, p_term text, p_normal text, p_reason text, p_most integer)
returns text language plpgsql security definer set search_path = public, pg_temp as $$
declare
  who uuid := operator_account(p_secret_hash);
begin
  perform pg_advisory_xact_lock(hashtextextended('forbidden_terms', 0));
  if (select count(*) from forbidden_terms) >= p_most then
    return 'LIMIT_REACHED';
  end if;
  insert into forbidden_terms (id, term, normal, reason) values (p_id, p_term, p_normal, p_reason)
    on conflict (normal) do nothing;
  if not found then
    return 'TAKEN';
  end if;
  insert into operator_actions (account_id, action, subject, note)
  values (who, 'forbidden.add', p_term, p_reason);
  return '';
end $$;

create function operator_forbidden_remove(p_secret_hash bytea, p_id uuid) returns boolean
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  who uuid := operator_account(p_secret_hash);
  gone text;
begin
  delete from forbidden_findings where term_id = p_id;
  delete from forbidden_terms where id = p_id returning term into gone;
  if gone is null then
    return false;
  end if;
  insert into operator_actions (account_id, action, subject) values (who, 'forbidden.remove', gone);
  return true;
end $$;

create function operator_forbidden_findings(p_secret_hash bytea, p_after uuid, p_limit integer)
returns table (id uuid, product_id uuid, product text, product_slug text, shop_id uuid,
               shop_slug text, shop_name text, term text, reason text, field text,
               found_at timestamptz)
language plpgsql stable security definer set search_path = public, pg_temp as $$
begin
  perform require_operator(p_secret_hash);
  return query
    select f.id, f.product_id, p.name, p.slug, s.id, s.slug, s.name, t.term, t.reason, f.field,
           f.found_at
    from forbidden_findings f
    join forbidden_terms t on t.id = f.term_id
    join products p on p.shop_id = f.shop_id and p.id = f.product_id
    join shops s on s.id = f.shop_id
    where p_after is null or f.id < p_after
    order by f.id desc limit p_limit;
end $$;

-- Whose product it is.
create function operator_product_shop(p_secret_hash bytea, p_product uuid) returns uuid
language plpgsql stable security definer set search_path = public, pg_temp as $$
begin
  perform require_operator(p_secret_hash);
  return (select shop_id from products where id = p_product);
end $$;

-- Takes a product of the shop of this transaction off sale; answers whether it was on sale.
create function operator_listing_stop(p_secret_hash bytea, p_product uuid, p_reason text)
returns boolean language plpgsql security definer set search_path = public, pg_temp as $$
declare
  who uuid := operator_account(p_secret_hash);
  shop uuid := nullif(current_setting('app.shop', true), '')::uuid;
  called text;
begin
  update products set status = 'draft', stopped_reason = p_reason, updated_at = now()
  where shop_id = shop and id = p_product and status = 'active' returning name into called;
  if called is null then
    return false;
  end if;
  delete from forbidden_findings where shop_id = shop and product_id = p_product;
  insert into operator_actions (account_id, action, shop_id, subject, note)
  values (who, 'listing.stop', shop, called, p_reason);
  return true;
end $$;

revoke execute on function
  forbidden_terms_held, forbidden_scan_shops, forbidden_scan_done, operator_forbidden_terms,
  operator_forbidden_add, operator_forbidden_remove, operator_forbidden_findings,
  operator_product_shop, operator_listing_stop
from public;
grant execute on function
  forbidden_terms_held, forbidden_scan_shops, forbidden_scan_done, operator_forbidden_terms,
  operator_forbidden_add, operator_forbidden_remove, operator_forbidden_findings,
  operator_product_shop, operator_listing_stop
to keystall_app;
