-- Tokens of a second kind: public ones, which stand in the code of sites and are bound to the sites'
-- origins; and whether a shop's API answers only who sends one. Additive; an old process goes on as
-- before, asks nobody for a token and lists those of the new kind as such that may do nothing.

alter table api_tokens
  add column origins text[],
  add column public_text text,  -- the token itself, which anyone can read in a page; null of secrets
  drop constraint api_tokens_some_scope,
  add constraint api_tokens_some_scope
    check ((cardinality(scopes) > 0) = (public_text is null)),
  add constraint api_tokens_some_origin
    check ((coalesce(cardinality(origins), 0) > 0) = (public_text is not null));

select audit_wall('api_tokens', 'api_token', 'id', 'name', true, array[
  'name', 'scopes', 'origins', 'expires_at', 'revoked_at']);

alter table shops add column token_only boolean not null default false;
grant update (token_only) on shops to keystall_app;

select audit_wall('shops', 'shop', 'id', 'name', true, array[
  'slug', 'name', 'status', 'status_reason', 'locales', 'default_locale', 'currencies',
  'default_currency', 'contact', 'notice', 'policies', 'icp_number', 'translations', 'theme',
  'theme_settings', 'logo_file_id', 'hold_minutes', 'unpaid_per_buyer', 'unpaid_per_address',
  'hold_share', 'mail_codes', 'trusted_only', 'token_only', 'checklist_dismissed_at']);

-- A public token opens no program's door.
create or replace function token_shop(p_secret_hash bytea)
returns table (token_id uuid, scopes text[], shop shops)
language sql stable security definer set search_path = public, pg_temp as $$
  select api_tokens.id, api_tokens.scopes, shops
  from api_tokens join shops on shops.id = api_tokens.shop_id
  where secret_hash = p_secret_hash and public_text is null and revoked_at is null
    and (expires_at is null or expires_at > now())
$$;

-- The shop of a host, and of the public token that came along what there is at this shop: null where
-- it is none of the shop's, or counts no more.
create function host_shop_token(p_host text, p_secret_hash bytea)
returns table (token_id uuid, origins text[], shop shops)
language sql stable security definer set search_path = public, pg_temp as $$
  select api_tokens.id, api_tokens.origins, shops
  from hosts join shops on shops.id = hosts.shop_id
  left join api_tokens on api_tokens.shop_id = shops.id and secret_hash = p_secret_hash
    and public_text is not null and revoked_at is null
    and (expires_at is null or expires_at > now())
  where hosts.host = p_host
$$;
revoke execute on function host_shop_token from public;
grant execute on function host_shop_token to keystall_app;
