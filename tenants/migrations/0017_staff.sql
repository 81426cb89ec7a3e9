-- Roles and invitations. Processes from before this migration know no roles and would let every
-- member do everything: what they call answers owners alone from here on.

alter table memberships
  drop constraint memberships_role_check,
  add constraint memberships_role_check check (role in ('owner', 'manager', 'support'));

create or replace function session_shops(p_secret_hash bytea) returns setof shops
language sql stable security definer set search_path = public, pg_temp as $$
  select shops.* from sessions
  join memberships using (account_id) join shops on shops.id = memberships.shop_id
  where secret_hash = p_secret_hash and expires_at > now() and role = 'owner' order by shops.id
$$;

create function session_memberships(p_secret_hash bytea, p_slug text)
returns table (role text, shop shops)
language sql stable security definer set search_path = public, pg_temp as $$
  select memberships.role, shops from sessions
  join memberships using (account_id) join shops on shops.id = memberships.shop_id
  where secret_hash = p_secret_hash and expires_at > now() and (p_slug is null or slug = p_slug)
  order by shops.id
$$;

-- Who works for the shop of this transaction.
create function shop_members()
returns table (account_id uuid, email text, role text, created_at timestamptz)
language sql stable security definer set search_path = public, pg_temp as $$
  select accounts.id, accounts.email, memberships.role, memberships.created_at
  from memberships join accounts on accounts.id = memberships.account_id
  where shop_id = nullif(current_setting('app.shop', true), '')::uuid
  order by memberships.role <> 'owner', memberships.role, memberships.created_at, accounts.id
$$;

-- Another role for a member of the shop of this transaction, or none: they are no member any more.
-- Whoever calls it, a shop keeps an owner.
create function shop_member_set(p_account_id uuid, p_role text) returns boolean
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  at_hand uuid := nullif(current_setting('app.shop', true), '')::uuid;
  changed boolean;
begin
  perform from shops where id = at_hand for no key update;
  if p_role is null then
    delete from memberships where shop_id = at_hand and account_id = p_account_id;
  else
    update memberships set role = p_role where shop_id = at_hand and account_id = p_account_id;
  end if;
  changed := found;
  if not exists (select from memberships where shop_id = at_hand and role = 'owner') then
    raise exception 'a shop has an owner' using errcode = 'check_violation';
  end if;
  return changed;
end $$;

-- `link` is what the mailed token is computed from; a new one each time it is mailed.
create table invitations (
  shop_id     uuid not null references shops,
  id          uuid not null,
  email       text not null check (email <> ''),
  role        text not null check (role in ('owner', 'manager', 'support')),
  link        uuid not null,
  secret_hash bytea not null,
  invited_by  text not null,
  locale      text not null,
  created_at  timestamptz not null default now(),
  expires_at  timestamptz not null,
  primary key (shop_id, id),
  unique (shop_id, email)
);
create index invitations_secret on invitations (secret_hash);
select tenant_wall('invitations', 'shop_id', 'select, insert, update, delete');

create function invitation_offer(p_secret_hash bytea)
returns table (shop_id uuid, shop_name text, shop_slug text, email text, role text,
               expires_at timestamptz)
language sql stable security definer set search_path = public, pg_temp as $$
  select shops.id, shops.name, shops.slug, invitations.email, invitations.role,
         invitations.expires_at
  from invitations join shops on shops.id = invitations.shop_id
  where secret_hash = p_secret_hash and invitations.expires_at > now()
$$;

-- The session's person takes the invitation to the shop of this transaction, if it is theirs.
create function invitation_accept(p_secret_hash bytea, p_session_hash bytea) returns boolean
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  at_hand uuid := nullif(current_setting('app.shop', true), '')::uuid;
  who uuid;
  offered text;
begin
  select accounts.id into who from sessions join accounts on accounts.id = sessions.account_id
  where sessions.secret_hash = p_session_hash and sessions.expires_at > now()
    and accounts.confirmed_at is not null;
  delete from invitations
  where shop_id = at_hand and secret_hash = p_secret_hash and expires_at > now()
    and email = (select accounts.email from accounts where accounts.id = who)
  returning role into offered;
  if offered is null then
    return false;
  end if;
  insert into memberships (account_id, shop_id, role) values (who, at_hand, offered)
  on conflict (account_id, shop_id) do nothing;
  return true;
end $$;

-- An account for the address that a link was mailed to, confirmed by it. An address that was never
-- confirmed gets this password, and what was mailed to it before works no more; one that somebody
-- signs in with is left alone: null.
create function account_create_invited(
  p_secret_hash bytea, p_id uuid, p_password_hash text, p_locale text)
returns uuid language plpgsql security definer set search_path = public, pg_temp as $$
declare
  made uuid;
begin
  insert into accounts (id, email, password_hash, locale, confirmed_at)
  select p_id, invitations.email, p_password_hash, p_locale, now() from invitations
  where secret_hash = p_secret_hash and expires_at > now()
  on conflict (email) do update
  set password_hash = excluded.password_hash, locale = excluded.locale, confirmed_at = now()
  where accounts.confirmed_at is null
  returning accounts.id into made;
  update account_tokens set used_at = now() where account_id = made and used_at is null;
  return made;
end $$;

select audit_wall('memberships', 'member', 'account_id', '', true, array['role']);
select audit_wall('invitations', 'invitation', 'id', 'email', true, array['role', 'expires_at']);

revoke execute on function session_memberships, shop_members, shop_member_set, invitation_offer,
  invitation_accept, account_create_invited from public;
grant execute on function session_memberships, shop_members, shop_member_set, invitation_offer,
  invitation_accept, account_create_invited to keystall_app;
