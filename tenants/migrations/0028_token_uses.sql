-- How much each API token is used, by day (UTC): all of it in the row whose `deprecated` is empty, and
-- one more row for each deprecated field or argument that was asked for.

create table api_token_uses (
  shop_id    uuid not null references shops,
  token_id   uuid not null,
  day        timestamptz not null,
  deprecated text not null check (char_length(deprecated) <= 200),
  requests   bigint not null check (requests >= 0),
  refused    bigint not null check (refused >= 0),
  cost       bigint not null check (cost >= 0),
  primary key (shop_id, token_id, day, deprecated),
  foreign key (shop_id, token_id) references api_tokens (shop_id, id)
);

select tenant_wall('api_token_uses', 'shop_id', 'select, insert, update');
create index api_token_uses_day on api_token_uses (day);

create function retention_sweep_uses(p_what text, p_before timestamptz, p_limit integer)
returns integer
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  touched integer;
begin
  if p_before > now() - interval '1 hour' then
    raise exception 'too young to be swept' using errcode = 'check_violation';
  end if;
  delete from api_token_uses using (
    select shop_id, token_id, day, deprecated from api_token_uses
    where day < p_before limit p_limit for update skip locked) old
  where api_token_uses.shop_id = old.shop_id and api_token_uses.token_id = old.token_id
    and api_token_uses.day = old.day and api_token_uses.deprecated = old.deprecated;
  get diagnostics touched = row_count;
  return touched;
end $$;

revoke execute on function retention_sweep_uses from public;
grant execute on function retention_sweep_uses to keystall_app;
