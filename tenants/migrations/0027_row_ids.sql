-- Ids in the order of their making, also within a millisecond: its fraction stands where else chance
-- does (RFC 9562, 6.2, method 3). What one transaction tells webhooks is then listed, and sent again,
-- in the order in which it happened.

create or replace function row_id() returns uuid
language sql volatile set search_path = public, pg_temp as $$
  with moment as (select extract(epoch from clock_timestamp()) * 1000 as ms)
  select encode(
    overlay(
      overlay(uuid_send(gen_random_uuid())
        placing substring(int8send(floor(ms)::bigint) from 3) from 1 for 6)
      placing substring(int4send(28672 + floor((ms - floor(ms)) * 4096)::int) from 3) from 7 for 2),
    'hex')::uuid
  from moment
$$;
