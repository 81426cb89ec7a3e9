-- Sending that fails by a bug of ours is given up after its tries and waits for the operator: the
-- delivery says so meanwhile, and waits again when the work is tried anew. By a trigger, for it is
-- the worker that gives up, as the shop, and a function of the operator's that has it tried again.
-- Additive.

create function webhook_given_up() returns trigger
language plpgsql set search_path = public, pg_temp as $$
begin
  if new.failed_at is not null then
    update webhook_deliveries
    set state = 'failed', problem = 'given_up', finished_at = new.failed_at, next_at = null
    where shop_id = new.shop_id and id = new.subject_id and state = 'pending';
  else
    update webhook_deliveries set state = 'pending', problem = '', finished_at = null
    where shop_id = new.shop_id and id = new.subject_id
      and state = 'failed' and problem = 'given_up';
  end if;
  return null;
end $$;
revoke execute on function webhook_given_up from public;

create trigger webhook_given_up after update of failed_at on outbox for each row
  when (new.kind = 'webhook.send' and (old.failed_at is null) <> (new.failed_at is null))
  execute function webhook_given_up();

-- Those that were given up, or dropped, before there was the trigger.
update webhook_deliveries
set state = 'failed', problem = 'given_up', finished_at = outbox.failed_at, next_at = null
from outbox
where outbox.shop_id = webhook_deliveries.shop_id and outbox.subject_id = webhook_deliveries.id
  and outbox.kind = 'webhook.send' and outbox.failed_at is not null and outbox.done_at is null
  and webhook_deliveries.state = 'pending';
