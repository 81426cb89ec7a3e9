-- Sessions as their person sees and ends them. Every function finds the account by a session that
-- its caller holds, and touches nothing of another account. Functions only: old processes go on.

create function session_list(p_secret_hash bytea)
returns table (id uuid, created_at timestamptz, address text, user_agent text, is_current boolean)
language sql stable security definer set search_path = public, pg_temp as $$
  select other.id, other.created_at, other.address, other.user_agent,
         other.secret_hash = p_secret_hash
  from sessions own join sessions other on other.account_id = own.account_id
  where own.secret_hash = p_secret_hash and own.expires_at > now() and other.expires_at > now()
  order by other.secret_hash = p_secret_hash desc, other.created_at desc, other.id
$$;

-- Ends another session of the same person, or, without an id, all others; answers how many.
create function session_end_others(p_secret_hash bytea, p_id uuid) returns integer
language sql security definer set search_path = public, pg_temp as $$
  with ended as (
    delete from sessions using sessions own
    where own.secret_hash = p_secret_hash and own.expires_at > now()
      and sessions.account_id = own.account_id and sessions.secret_hash <> p_secret_hash
      and (p_id is null or sessions.id = p_id)
    returning sessions.id)
  select count(*)::integer from ended
$$;

-- A new password in place of the one that was just said: where it changed meanwhile, nothing
-- happens. It ends every other session and every link that could set another one.
create function account_password_change(
  p_secret_hash bytea, p_password_hash text, p_new_password_hash text)
returns boolean language plpgsql security definer set search_path = public, pg_temp as $$
declare
  changed uuid;
begin
  update accounts set password_hash = p_new_password_hash
  from sessions own
  where own.secret_hash = p_secret_hash and own.expires_at > now()
    and accounts.id = own.account_id and accounts.password_hash = p_password_hash
  returning accounts.id into changed;
  if changed is null then
    return false;
  end if;
  delete from sessions where account_id = changed and secret_hash <> p_secret_hash;
  update account_tokens set used_at = now()
  where account_id = changed and purpose = 'reset' and used_at is null;
  return true;
end $$;

revoke execute on function session_list, session_end_others, account_password_change from public;
grant execute on function session_list, session_end_others, account_password_change
  to keystall_app;
