-- What is kept no longer than it is needed: one narrow door through which the sweep deletes, or
-- blanks, a bounded number of rows of every shop that are older than the moment it names.

-- 'orders' forgets who bought: address, answers, and where codes were shown; numbers, amounts, dates
-- and the ledger stay. Only orders that are over: nobody waits for goods or money.
create function retention_sweep(p_what text, p_before timestamptz, p_limit integer)
returns integer
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  touched integer;
begin
  if p_before > now() - interval '1 hour' then
    raise exception 'too young to be swept' using errcode = 'check_violation';
  end if;
  case p_what
  when 'carts' then
    delete from carts using (
      select shop_id, id from carts where updated_at < p_before limit p_limit
      for update skip locked) old
    where carts.shop_id = old.shop_id and carts.id = old.id;
  when 'sessions' then
    delete from sessions using (
      select secret_hash from sessions where expires_at < p_before limit p_limit
      for update skip locked) old
    where sessions.secret_hash = old.secret_hash;
  when 'account_tokens' then
    delete from account_tokens using (
      select secret_hash from account_tokens where expires_at < p_before limit p_limit
      for update skip locked) old
    where account_tokens.secret_hash = old.secret_hash;
  when 'inbox' then
    update inbox set body = '' from (
      select shop_id, id from inbox
      where received_at < p_before and applied_at is not null and body <> '' limit p_limit
      for update skip locked) old
    where inbox.shop_id = old.shop_id and inbox.id = old.id;
  when 'idempotency_keys' then
    delete from idempotency_keys using (
      select shop_id, operation, key from idempotency_keys
      where created_at < p_before limit p_limit for update skip locked) old
    where idempotency_keys.shop_id = old.shop_id and idempotency_keys.operation = old.operation
      and idempotency_keys.key = old.key;
  when 'outbox' then
    delete from outbox using (
      select shop_id, id from outbox
      where coalesce(done_at, dropped_at) < p_before limit p_limit for update skip locked) old
    where outbox.shop_id = old.shop_id and outbox.id = old.id;
  when 'orders' then
    with old as (
      select shop_id, id from orders
      where created_at < p_before and email <> 'erased'
        and status in ('delivered', 'expired', 'canceled', 'refunded') limit p_limit
      for update skip locked),
    shown as (
      update reveals set address = 'erased'
      from old join order_lines on order_lines.shop_id = old.shop_id and order_id = old.id
      join codes on codes.shop_id = old.shop_id and order_line_id = order_lines.id
      where reveals.shop_id = old.shop_id and reveals.code_id = codes.id
        and reveals.actor = 'buyer')
    update orders set email = 'erased', buyer_fields = '[]', placed_from = null
    from old where orders.shop_id = old.shop_id and orders.id = old.id;
  end case;
  get diagnostics touched = row_count;
  return touched;
end $$;

revoke execute on function retention_sweep from public;
grant execute on function retention_sweep to keystall_app;
