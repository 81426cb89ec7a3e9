-- A second step of signing in. None of these tables has a shop: the request role reaches them
-- through the functions below alone. Additive, but for `session_create`, which from now on refuses
-- whom a second step is asked of: also where an old process calls it.

-- `wrapped` by the installation's ring; the place is the account (tenants/identity/totp.py). Not
-- confirmed: being set up, and nothing is asked yet. `last_step`: the newest time step of which a
-- code was used; none of it or of an earlier one works again (RFC 6238, 5.2). `id` tells one secret
-- of an account from the next.
create table totp_secrets (
  account_id   uuid primary key references accounts on delete cascade,
  id           uuid not null unique,
  wrapped      bytea not null,
  last_step    bigint not null default 0 check (last_step >= 0),
  begun_at     timestamptz not null default now(),
  confirmed_at timestamptz
);

create table recovery_codes (
  account_id uuid not null references accounts on delete cascade,
  code_hash  bytea not null,
  used_at    timestamptz,
  primary key (account_id, code_hash)
);

-- Whoever has said the right password and has yet to say the code. No session: it opens nothing.
-- `password_mark` is a hash of the password's hash as it was: another password ends the step.
create table sign_in_steps (
  secret_hash   bytea primary key,
  account_id    uuid not null references accounts on delete cascade,
  password_mark bytea not null,
  expires_at    timestamptz not null,
  created_at    timestamptz not null default now()
);
create index sign_in_steps_account on sign_in_steps (account_id);
create index sign_in_steps_end on sign_in_steps (expires_at);

create function account_takes_two_steps(p_account_id uuid) returns boolean
language sql stable security definer set search_path = public, pg_temp as $$
  select exists (
    select from totp_secrets where account_id = p_account_id and confirmed_at is not null)
$$;

-- No way around the second step: whoever forgets to ask for it gets an error, and no session.
create or replace function session_create(
  p_secret_hash bytea, p_id uuid, p_account_id uuid, p_expires_at timestamptz,
  p_address text, p_user_agent text)
returns void language plpgsql security definer set search_path = public, pg_temp as $$
begin
  if account_takes_two_steps(p_account_id) then
    raise exception 'a second step is asked first' using errcode = 'insufficient_privilege';
  end if;
  insert into sessions (secret_hash, id, account_id, expires_at, address, user_agent)
  values (p_secret_hash, p_id, p_account_id, p_expires_at, p_address, p_user_agent);
end $$;

-- After the right password; false where the account takes one step only.
create function second_step_begin(
  p_secret_hash bytea, p_account_id uuid, p_password_hash text, p_expires_at timestamptz)
returns boolean language plpgsql security definer set search_path = public, pg_temp as $$
begin
  if not account_takes_two_steps(p_account_id) then
    return false;
  end if;
  insert into sign_in_steps (secret_hash, account_id, password_mark, expires_at)
  values (p_secret_hash, p_account_id, sha256(convert_to(p_password_hash, 'UTF8')), p_expires_at);
  return true;
end $$;

create function second_step_account(p_secret_hash bytea)
returns table (account_id uuid, email text, totp_id uuid, wrapped bytea)
language sql stable security definer set search_path = public, pg_temp as $$
  select accounts.id, accounts.email, totp_secrets.id, totp_secrets.wrapped
  from sign_in_steps
  join accounts on accounts.id = sign_in_steps.account_id
  join totp_secrets on totp_secrets.account_id = accounts.id
  where sign_in_steps.secret_hash = p_secret_hash and sign_in_steps.expires_at > now()
    and totp_secrets.confirmed_at is not null
    and password_mark = sha256(convert_to(password_hash, 'UTF8'))
$$;

-- Uses up a code: a time step that is newer than the last one, or a recovery code. Of two at once
-- the second waits for the first, and then finds it used.
create function second_step_spend(
  p_account_id uuid, p_totp_id uuid, p_time_step bigint, p_code_hash bytea)
returns boolean language plpgsql security definer set search_path = public, pg_temp as $$
begin
  if p_time_step is not null then
    update totp_secrets set last_step = p_time_step
    where account_id = p_account_id and id = p_totp_id and confirmed_at is not null
      and last_step < p_time_step;
  else
    update recovery_codes set used_at = now()
    where account_id = p_account_id and code_hash = p_code_hash and used_at is null;
  end if;
  return found;
end $$;

-- The right code makes a session of the step. Answers how many recovery codes are left, or null
-- where there is no such step or the code does not do.
create function second_step_pass(
  p_step_hash bytea, p_totp_id uuid, p_time_step bigint, p_code_hash bytea,
  p_secret_hash bytea, p_id uuid, p_expires_at timestamptz, p_address text, p_user_agent text)
returns integer language plpgsql security definer set search_path = public, pg_temp as $$
declare
  who uuid;
begin
  perform from sign_in_steps where secret_hash = p_step_hash for update;
  select step.account_id into who from second_step_account(p_step_hash) step;
  if who is null or not second_step_spend(who, p_totp_id, p_time_step, p_code_hash) then
    return null;
  end if;
  delete from sign_in_steps where secret_hash = p_step_hash;
  insert into sessions (secret_hash, id, account_id, expires_at, address, user_agent)
  values (p_secret_hash, p_id, who, p_expires_at, p_address, p_user_agent);
  return (select count(*) from recovery_codes where account_id = who and used_at is null);
end $$;

-- How it stands with the account of a session, and when the session's password was said again; no
-- row where nothing was ever begun.
create function totp_standing(p_secret_hash bytea)
returns table (account_id uuid, id uuid, wrapped bytea, begun_at timestamptz,
               confirmed_at timestamptz, said_at timestamptz, codes_left bigint)
language sql stable security definer set search_path = public, pg_temp as $$
  select totp_secrets.account_id, totp_secrets.id, totp_secrets.wrapped, totp_secrets.begun_at,
         totp_secrets.confirmed_at, sessions.confirmed_at,
         (select count(*) from recovery_codes codes
          where codes.account_id = totp_secrets.account_id and codes.used_at is null)
  from totp_secrets join sessions on sessions.account_id = totp_secrets.account_id
  where sessions.secret_hash = p_secret_hash and sessions.expires_at > now()
$$;

-- A new secret, in place of one that was never confirmed; false where one is in use.
create function totp_begin(p_secret_hash bytea, p_id uuid, p_wrapped bytea) returns boolean
language plpgsql security definer set search_path = public, pg_temp as $$
begin
  insert into totp_secrets (account_id, id, wrapped)
  select sessions.account_id, p_id, p_wrapped from sessions
  where sessions.secret_hash = p_secret_hash and sessions.expires_at > now()
  on conflict (account_id) do update
    set id = excluded.id, wrapped = excluded.wrapped, begun_at = now(), last_step = 0
    where totp_secrets.confirmed_at is null;
  return found;
end $$;

create function recovery_codes_put(p_account_id uuid, p_code_hashes bytea[]) returns void
language sql security definer set search_path = public, pg_temp as $$
  delete from recovery_codes where account_id = p_account_id;
  insert into recovery_codes (account_id, code_hash)
  select p_account_id, code_hash from unnest(p_code_hashes) code_hash
$$;

-- Switches it on, after a first right code, whose time step is used up by it.
create function totp_confirm(
  p_secret_hash bytea, p_totp_id uuid, p_time_step bigint, p_code_hashes bytea[])
returns boolean language plpgsql security definer set search_path = public, pg_temp as $$
declare
  who uuid;
begin
  update totp_secrets set confirmed_at = now(), last_step = p_time_step
  from sessions
  where sessions.secret_hash = p_secret_hash and sessions.expires_at > now()
    and totp_secrets.account_id = sessions.account_id and totp_secrets.id = p_totp_id
    and totp_secrets.confirmed_at is null
  returning totp_secrets.account_id into who;
  if who is null then
    return false;
  end if;
  perform recovery_codes_put(who, p_code_hashes);
  return true;
end $$;

-- Switches it off, or makes new recovery codes, for a code that is used up by it.
create function totp_end(
  p_secret_hash bytea, p_totp_id uuid, p_time_step bigint, p_code_hash bytea)
returns boolean language plpgsql security definer set search_path = public, pg_temp as $$
declare
  who uuid := (select account_id from sessions
               where secret_hash = p_secret_hash and expires_at > now());
begin
  if who is null or not second_step_spend(who, p_totp_id, p_time_step, p_code_hash) then
    return false;
  end if;
  delete from recovery_codes where account_id = who;
  delete from sign_in_steps where account_id = who;
  delete from totp_secrets where account_id = who;
  return true;
end $$;

create function recovery_codes_renew(
  p_secret_hash bytea, p_totp_id uuid, p_time_step bigint, p_code_hash bytea,
  p_code_hashes bytea[])
returns boolean language plpgsql security definer set search_path = public, pg_temp as $$
declare
  who uuid := (select account_id from sessions
               where secret_hash = p_secret_hash and expires_at > now());
begin
  if who is null or not second_step_spend(who, p_totp_id, p_time_step, p_code_hash) then
    return false;
  end if;
  perform recovery_codes_put(who, p_code_hashes);
  return true;
end $$;

-- To whom a letter about it goes: asked by the job that sends it, and as long as that has to.
create function second_step_reader(p_account_id uuid)
returns table (email text, locale text, codes_left bigint)
language sql stable security definer set search_path = public, pg_temp as $$
  select accounts.email, accounts.locale,
         (select count(*) from recovery_codes
          where account_id = accounts.id and used_at is null)
  from accounts
  where accounts.id = p_account_id and exists (
    select from outbox
    where shop_id = '00000000-0000-0000-0000-000000000000' and subject_id = p_account_id
      and kind in ('mail.totp_on', 'mail.totp_off', 'mail.recovery_codes_low')
      and done_at is null and dropped_at is null)
$$;

-- As retention_sweep: steps that ended, and what was begun and never confirmed.
create function retention_sweep_steps(p_what text, p_before timestamptz, p_limit integer)
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
  end case;
  get diagnostics touched = row_count;
  return touched;
end $$;

-- What is done at the machine itself (`keystall operator reset-second-factor`) has no operator.
alter table operator_actions alter column account_id drop not null;

create or replace function operator_record(p_secret_hash bytea, p_after bigint, p_limit integer)
returns table (id bigint, email text, action text, shop_id uuid, shop_slug text, shop_name text,
               subject text, note text, count integer, at timestamptz)
language plpgsql stable security definer set search_path = public, pg_temp as $$
begin
  perform require_operator(p_secret_hash);
  return query
    select operator_actions.id, coalesce(accounts.email, ''), operator_actions.action, shops.id,
           shops.slug, shops.name, operator_actions.subject, operator_actions.note,
           operator_actions.count, operator_actions.at
    from operator_actions left join accounts on accounts.id = operator_actions.account_id
    left join shops on shops.id = operator_actions.shop_id
    where p_after is null or operator_actions.id < p_after
    order by operator_actions.id desc limit p_limit;
end $$;

revoke execute on function
  account_takes_two_steps, second_step_begin, second_step_account, second_step_spend,
  second_step_pass, totp_standing, totp_begin, recovery_codes_put, totp_confirm, totp_end,
  recovery_codes_renew, second_step_reader, retention_sweep_steps
from public;
grant execute on function
  account_takes_two_steps, second_step_begin, second_step_account, second_step_pass,
  totp_standing, totp_begin, totp_confirm, totp_end, recovery_codes_renew, second_step_reader,
  retention_sweep_steps
to keystall_app;
