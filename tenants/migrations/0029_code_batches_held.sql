-- That a code is of a batch of its own shop and variant is held by triggers instead of a foreign
-- key. A key is looked up for each row: a third of what an import costs. A statement names one
-- batch, however many codes it adds, so it is looked up once. docs/decisions/0071.

create function codes_have_their_batch() returns trigger
language plpgsql set search_path = public, pg_temp as $$
declare
  named record;
begin
  for named in select distinct shop_id, variant_id, batch_id from fresh loop
    -- With the lock of a foreign key: whoever takes the batch back waits for its codes, or they
    -- for him.
    perform from batches
    where shop_id = named.shop_id and variant_id = named.variant_id and id = named.batch_id
    for key share;
    if not found then
      raise exception 'batch % of the code''s shop and variant is not there', named.batch_id
        using errcode = 'foreign_key_violation', constraint = 'codes_of_batch';
    end if;
  end loop;
  return null;
end $$;
create trigger codes_of_batch after insert on codes referencing new table as fresh
  for each statement execute function codes_have_their_batch();

-- Where a code came from does not change, nor does a batch go: what was there when a code came is
-- there for good, so nobody needs to look again.
create function code_keeps_its_batch() returns trigger
language plpgsql set search_path = public, pg_temp as $$
begin
  raise exception 'a code stays in the batch that it came with'
    using errcode = 'foreign_key_violation', constraint = 'codes_of_batch';
end $$;
create trigger codes_stay_in_batch after update on codes for each row
  when (old.shop_id <> new.shop_id or old.variant_id <> new.variant_id
        or old.batch_id <> new.batch_id)
  execute function code_keeps_its_batch();

create function batch_is_kept() returns trigger
language plpgsql set search_path = public, pg_temp as $$
begin
  if tg_op = 'UPDATE' then
    if (old.shop_id, old.variant_id, old.id) = (new.shop_id, new.variant_id, new.id) then
      return null;
    end if;
  end if;
  raise exception 'batches are kept, and codes refer to them'
    using errcode = 'foreign_key_violation', constraint = 'codes_of_batch';
end $$;
create trigger batches_are_kept after delete or update of shop_id, variant_id, id on batches
  for each row execute function batch_is_kept();

revoke execute on function codes_have_their_batch, code_keeps_its_batch, batch_is_kept from public;

-- Last: until now both hold it.
alter table codes drop constraint codes_of_batch;
