-- Keys that change while orders flow. Whoever opens or seals with a shop's keys holds a shared lock
-- until its transaction ends; a rotation takes the same lock alone, for a moment, when a key comes
-- and when one goes: afterwards nobody works with keys from before.

create table key_rotations (
  id          uuid primary key,
  scope       text not null check (scope in ('installation', 'shops')),
  version     integer,               -- the ring's, once it is done; null for shops
  started_at  timestamptz not null default now(),
  finished_at timestamptz
);

-- In a function, so that the keys are read after the lock was granted.
create function shop_keys_held(p_shop_id uuid) returns setof shop_keys
language plpgsql volatile set search_path = public, pg_temp as $$
begin
  perform pg_advisory_xact_lock_shared(hashtextextended('shop-keys:' || p_shop_id, 0));
  return query select * from shop_keys where shop_id = p_shop_id;
end $$;

-- A code sealed with a key that is going would be lost with it; its lookup would hide a duplicate.
create function codes_sealed_with_newest() returns trigger
language plpgsql set search_path = public, pg_temp as $$
declare
  stale uuid;
begin
  select new_codes.shop_id into stale
  from (select distinct shop_id, key_version from fresh) new_codes
  where key_version is distinct from
    (select max(version) from shop_keys_held(new_codes.shop_id))
  limit 1;
  if found then
    raise exception 'codes of shop % are not sealed with its newest key', stale
      using errcode = 'check_violation', constraint = 'sealed_with_newest_key';
  end if;
  return null;
end $$;
create trigger sealed_with_newest_key after insert on codes referencing new table as fresh
  for each statement execute function codes_sealed_with_newest();

-- The same for values that carry their key's version in their first four bytes. Called once for
-- each such column: select seal_wall('table', 'column').
create function value_sealed_with_newest() returns trigger
language plpgsql set search_path = public, pg_temp as $$
declare
  sealed bytea;
begin
  execute format('select ($1).%I', tg_argv[0]) into sealed using new;
  if sealed is not null and ('x' || encode(substr(sealed, 1, 4), 'hex'))::bit(32)::int
    is distinct from (select max(version) from shop_keys_held(new.shop_id)) then
    raise exception '%.% is not sealed with the newest key of shop %',
      tg_table_name, tg_argv[0], new.shop_id
      using errcode = 'check_violation', constraint = 'sealed_with_newest_key';
  end if;
  return null;
end $$;
create function seal_wall(sealed_table regclass, sealed_column text) returns void
language plpgsql as $$
begin
  execute format(
    'create trigger %I after insert or update of %I on %s for each row'
    ' execute function value_sealed_with_newest(%L)',
    'sealed_with_newest_key_' || sealed_column, sealed_column, sealed_table, sealed_column);
end $$;

-- A shop whose keys were destroyed has nothing to sell that anybody could read: nobody reopens it,
-- whichever function asks.
create function shop_without_keys_stays_suspended() returns trigger
language plpgsql set search_path = public, pg_temp as $$
begin
  if exists (select from shop_keys where shop_id = old.id) then
    return new;
  end if;
  return null;
end $$;
create trigger shop_without_keys_stays_suspended before update of status on shops for each row
  when (old.status = 'suspended' and new.status <> 'suspended')
  execute function shop_without_keys_stays_suspended();

revoke execute on function
  shop_keys_held, codes_sealed_with_newest, value_sealed_with_newest, seal_wall,
  shop_without_keys_stays_suspended
from public;
grant execute on function shop_keys_held to keystall_app;
