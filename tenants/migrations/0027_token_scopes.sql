-- What an API token may do, who made it, and when and from where it was used last. Additive: tokens
-- of before, and those that an old process makes, may do all that a token may.

alter table api_tokens
  add column scopes text[] not null default array[
    'activity', 'catalog', 'closing', 'money', 'orders', 'overview', 'settings', 'stock',
    'webhooks'],
  add column made_by uuid,  -- an account; no reference, since accounts are no shop's
  add column last_used_at timestamptz,
  add column last_address text not null default '',
  add constraint api_tokens_some_scope check (cardinality(scopes) > 0),
  add constraint api_tokens_scopes check (scopes <@ array[
    'activity', 'catalog', 'closing', 'money', 'orders', 'overview', 'settings', 'stock',
    'webhooks']);

-- The log knows who made those of before.
update api_tokens set made_by = made.actor_id
from (
  select audit_changes.shop_id, audit_changes.object_id, audit_entries.actor_id
  from audit_changes join audit_entries
    on audit_entries.shop_id = audit_changes.shop_id and audit_entries.id = entry_id
  where kind = 'api_token' and change = 'create' and actor_kind = 'account') as made
where made.shop_id = api_tokens.shop_id and made.object_id = api_tokens.id;

select audit_wall('api_tokens', 'api_token', 'id', 'name', true, array[
  'name', 'scopes', 'expires_at', 'revoked_at']);

drop function token_shop(bytea);
create function token_shop(p_secret_hash bytea)
returns table (token_id uuid, scopes text[], shop shops)
language sql stable security definer set search_path = public, pg_temp as $$
  select api_tokens.id, api_tokens.scopes, shops
  from api_tokens join shops on shops.id = api_tokens.shop_id
  where secret_hash = p_secret_hash and revoked_at is null
    and (expires_at is null or expires_at > now())
$$;
revoke execute on function token_shop from public;
grant execute on function token_shop to keystall_app;
