-- Passkeys (WebAuthn) of accounts. None of these tables has a shop: the request role reaches them
-- through the functions below alone. Additive; from now on a passkey counts as a second step, also
-- where an old process asks: it opens no session by the password alone, and fails at the code of an
-- account that has no app.

-- What authenticators know an account by: random, and no address (WebAuthn, 14.6.1).
alter table accounts add column user_handle bytea check (octet_length(user_handle) = 32);

-- `sign_count` only rises, where an authenticator counts at all (WebAuthn, 6.1.1).
create table passkeys (
  id            uuid primary key,
  account_id    uuid not null references accounts on delete cascade,
  credential_id bytea not null unique check (octet_length(credential_id) between 1 and 1023),
  public_key    bytea not null,
  sign_count    bigint not null check (sign_count between 0 and 4294967295),
  name          text not null check (char_length(name) between 1 and 60),
  created_at    timestamptz not null default now(),
  last_used_at  timestamptz
);
create index passkeys_account on passkeys (account_id);

-- What was asked of an authenticator, once, by whoever holds a secret: a session's that adds a
-- passkey, a second step's, or that of an attempt to sign in by a passkey alone. One at a time.
create table passkey_challenges (
  holder_hash bytea primary key,
  purpose     text not null check (purpose in ('add', 'sign_in', 'second_step')),
  challenge   bytea not null check (octet_length(challenge) = 32),
  account_id  uuid references accounts on delete cascade,
  name        text,
  expires_at  timestamptz not null,
  check ((purpose = 'sign_in') = (account_id is null)),
  check ((purpose = 'add') = (name is not null))
);
create index passkey_challenges_account on passkey_challenges (account_id);
create index passkey_challenges_end on passkey_challenges (expires_at);

create or replace function account_takes_two_steps(p_account_id uuid) returns boolean
language sql stable security definer set search_path = public, pg_temp as $$
  select exists (
      select from totp_secrets where account_id = p_account_id and confirmed_at is not null)
    or exists (select from passkeys where account_id = p_account_id)
$$;

-- The account of a step that still runs, and what ends the step: the app's secret, where there is
-- one, and the account's passkeys.
create function second_step_ways(p_secret_hash bytea)
returns table (account_id uuid, email text, totp_id uuid, wrapped bytea, passkeys bytea[])
language sql stable security definer set search_path = public, pg_temp as $$
  select accounts.id, accounts.email, totp.id, totp.wrapped,
         array(select credential_id from passkeys
               where passkeys.account_id = accounts.id order by passkeys.id)
  from sign_in_steps
  join accounts on accounts.id = sign_in_steps.account_id
  left join totp_secrets totp on totp.account_id = accounts.id and totp.confirmed_at is not null
  where sign_in_steps.secret_hash = p_secret_hash and sign_in_steps.expires_at > now()
    and account_takes_two_steps(accounts.id)
    and password_mark = sha256(convert_to(password_hash, 'UTF8'))
$$;

create or replace function second_step_account(p_secret_hash bytea)
returns table (account_id uuid, email text, totp_id uuid, wrapped bytea)
language sql stable security definer set search_path = public, pg_temp as $$
  select ways.account_id, ways.email, ways.totp_id, ways.wrapped
  from second_step_ways(p_secret_hash) ways
$$;

-- Switches the app's codes off, for a code that is used up by it. Recovery codes stay as long as
-- there is a passkey that they stand in for.
create or replace function totp_end(
  p_secret_hash bytea, p_totp_id uuid, p_time_step bigint, p_code_hash bytea)
returns boolean language plpgsql security definer set search_path = public, pg_temp as $$
declare
  who uuid := (select account_id from sessions
               where secret_hash = p_secret_hash and expires_at > now());
begin
  perform from accounts where id = who for no key update;
  if who is null or not second_step_spend(who, p_totp_id, p_time_step, p_code_hash) then
    return false;
  end if;
  delete from totp_secrets where account_id = who;
  perform second_step_cleared(who);
  return true;
end $$;

-- Takes away what belongs to a second step that is no longer asked.
create function second_step_cleared(p_account_id uuid) returns void
language plpgsql security definer set search_path = public, pg_temp as $$
begin
  if not account_takes_two_steps(p_account_id) then
    delete from recovery_codes where account_id = p_account_id;
    delete from sign_in_steps where account_id = p_account_id;
  end if;
end $$;

create function recovery_codes_left(p_secret_hash bytea) returns bigint
language sql stable security definer set search_path = public, pg_temp as $$
  select count(*) from recovery_codes join sessions using (account_id)
  where sessions.secret_hash = p_secret_hash and sessions.expires_at > now()
    and recovery_codes.used_at is null
$$;

create function passkey_list(p_secret_hash bytea)
returns table (id uuid, credential_id bytea, name text, created_at timestamptz,
               last_used_at timestamptz)
language sql stable security definer set search_path = public, pg_temp as $$
  select passkeys.id, passkeys.credential_id, passkeys.name, passkeys.created_at,
         passkeys.last_used_at
  from passkeys join sessions using (account_id)
  where sessions.secret_hash = p_secret_hash and sessions.expires_at > now()
  order by passkeys.id
$$;

-- The handle of a session's account: the one given, where it has none yet.
create function passkey_user_handle(p_secret_hash bytea, p_new bytea) returns bytea
language sql security definer set search_path = public, pg_temp as $$
  update accounts set user_handle = coalesce(user_handle, p_new)
  from sessions
  where sessions.secret_hash = p_secret_hash and sessions.expires_at > now()
    and accounts.id = sessions.account_id
  returning user_handle
$$;

create function passkey_challenge_put(
  p_holder_hash bytea, p_purpose text, p_challenge bytea, p_account_id uuid, p_name text,
  p_expires_at timestamptz)
returns void language sql security definer set search_path = public, pg_temp as $$
  insert into passkey_challenges (holder_hash, purpose, challenge, account_id, name, expires_at)
  values (p_holder_hash, p_purpose, p_challenge, p_account_id, p_name, p_expires_at)
  on conflict (holder_hash) do update
    set purpose = excluded.purpose, challenge = excluded.challenge,
        account_id = excluded.account_id, name = excluded.name, expires_at = excluded.expires_at
$$;

-- Uses a challenge up, whatever comes of it: of two at once one finds it.
create function passkey_challenge_take(p_holder_hash bytea, p_purposes text[])
returns table (purpose text, challenge bytea, account_id uuid, name text)
language sql security definer set search_path = public, pg_temp as $$
  with taken as (
    delete from passkey_challenges c
    where c.holder_hash = p_holder_hash and c.purpose = any (p_purposes)
    returning c.purpose, c.challenge, c.account_id, c.name, c.expires_at)
  select taken.purpose, taken.challenge, taken.account_id, taken.name from taken
  where taken.expires_at > now()
$$;

-- Keeps a passkey of a session's account. "first": nothing was asked after the password before, and
-- the recovery codes are kept, too; "added"; "full": there are as many as there may be; "taken":
-- some account has that credential already. Null where the session is over.
create function passkey_put(
  p_secret_hash bytea, p_id uuid, p_credential_id bytea, p_public_key bytea, p_sign_count bigint,
  p_name text, p_most integer, p_code_hashes bytea[])
returns text language plpgsql security definer set search_path = public, pg_temp as $$
declare
  who uuid := (select account_id from sessions
               where secret_hash = p_secret_hash and expires_at > now());
  is_first boolean;
begin
  perform from accounts where id = who for no key update;
  if not found then
    return null;
  end if;
  if (select count(*) from passkeys where account_id = who) >= p_most then
    return 'full';
  end if;
  is_first := not account_takes_two_steps(who);
  insert into passkeys (id, account_id, credential_id, public_key, sign_count, name)
  values (p_id, who, p_credential_id, p_public_key, p_sign_count, p_name)
  on conflict (credential_id) do nothing;
  if not found then
    return 'taken';
  end if;
  if not is_first then
    return 'added';
  end if;
  perform recovery_codes_put(who, p_code_hashes);
  return 'first';
end $$;

create function passkey_rename(p_secret_hash bytea, p_id uuid, p_name text) returns boolean
language plpgsql security definer set search_path = public, pg_temp as $$
begin
  update passkeys set name = p_name from sessions
  where sessions.secret_hash = p_secret_hash and sessions.expires_at > now()
    and passkeys.account_id = sessions.account_id and passkeys.id = p_id;
  return found;
end $$;

create function passkey_remove(p_secret_hash bytea, p_id uuid) returns boolean
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  who uuid := (select account_id from sessions
               where secret_hash = p_secret_hash and expires_at > now());
begin
  perform from accounts where id = who for no key update;
  delete from passkeys where account_id = who and id = p_id;
  if not found then
    return false;
  end if;
  perform second_step_cleared(who);
  return true;
end $$;

-- Whose a credential is, and what its answers are checked with.
create function passkey_find(p_credential_id bytea)
returns table (id uuid, account_id uuid, email text, user_handle bytea, public_key bytea)
language sql stable security definer set search_path = public, pg_temp as $$
  select passkeys.id, accounts.id, accounts.email, accounts.user_handle, passkeys.public_key
  from passkeys join accounts on accounts.id = passkeys.account_id
  where passkeys.credential_id = p_credential_id
$$;

-- A right answer makes a session: of the step, where there is one, else of the passkey alone.
-- "opened"; "count": the authenticator has not counted on since it was here last, and nothing is
-- opened; null where passkey or step is gone, or they are not of one account.
create function passkey_pass(
  p_step_hash bytea, p_passkey_id uuid, p_sign_count bigint,
  p_secret_hash bytea, p_id uuid, p_expires_at timestamptz, p_address text, p_user_agent text)
returns text language plpgsql security definer set search_path = public, pg_temp as $$
declare
  who uuid;
  counted bigint;
begin
  -- In the order of passkey_remove, so that neither waits for the other.
  select account_id, sign_count into who, counted
  from passkeys where id = p_passkey_id for update;
  perform from sign_in_steps where secret_hash = p_step_hash for update;
  if who is null or p_step_hash is not null
     and who is distinct from (select step.account_id from second_step_ways(p_step_hash) step) then
    return null;
  end if;
  if greatest(counted, p_sign_count) > 0 and p_sign_count <= counted then
    return 'count';
  end if;
  update passkeys set sign_count = p_sign_count, last_used_at = now() where id = p_passkey_id;
  delete from sign_in_steps where secret_hash = p_step_hash;
  insert into sessions (secret_hash, id, account_id, expires_at, address, user_agent)
  values (p_secret_hash, p_id, who, p_expires_at, p_address, p_user_agent);
  return 'opened';
end $$;

create or replace function second_step_reader(p_account_id uuid)
returns table (email text, locale text, codes_left bigint)
language sql stable security definer set search_path = public, pg_temp as $$
  select accounts.email, accounts.locale,
         (select count(*) from recovery_codes
          where account_id = accounts.id and used_at is null)
  from accounts
  where accounts.id = p_account_id and exists (
    select from outbox
    where shop_id = '00000000-0000-0000-0000-000000000000' and subject_id = p_account_id
      and kind in ('mail.totp_on', 'mail.totp_off', 'mail.recovery_codes_low',
                   'mail.passkey_added', 'mail.passkey_removed', 'mail.passkey_refused')
      and done_at is null and dropped_at is null)
$$;

create or replace function retention_sweep_steps(
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
  when 'sign_in_steps' then
    delete from sign_in_steps using (
      select secret_hash from sign_in_steps where expires_at < p_before limit p_limit
      for update skip locked) old
    where sign_in_steps.secret_hash = old.secret_hash;
  when 'totp_secrets' then
    delete from totp_secrets using (
      select account_id from totp_secrets
      where confirmed_at is null and begun_at < p_before limit p_limit
      for update skip locked) old
    where totp_secrets.account_id = old.account_id;
  when 'passkey_challenges' then
    delete from passkey_challenges using (
      select holder_hash from passkey_challenges where expires_at < p_before limit p_limit
      for update skip locked) old
    where passkey_challenges.holder_hash = old.holder_hash;
  end case;
  get diagnostics touched = row_count;
  return touched;
end $$;

revoke execute on function
  second_step_ways, second_step_cleared, recovery_codes_left, passkey_list, passkey_user_handle,
  passkey_challenge_put, passkey_challenge_take, passkey_put, passkey_rename, passkey_remove,
  passkey_find, passkey_pass
from public;
grant execute on function
  second_step_ways, recovery_codes_left, passkey_list, passkey_user_handle,
  passkey_challenge_put, passkey_challenge_take, passkey_put, passkey_rename, passkey_remove,
  passkey_find, passkey_pass
to keystall_app;
