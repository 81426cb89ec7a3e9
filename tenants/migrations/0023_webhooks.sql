-- Webhooks: subscriptions of a shop to its events, and what became of each. Additive: a process of
-- the version before writes events like any other, for the triggers below do it.

-- `permissions` is all that the document is rendered with. `token_id`: saved by a program, whose
-- token it does not outlive. `failing_since`: nothing has arrived since then.
create table webhooks (
  shop_id         uuid not null references shops,
  id              uuid not null,
  url             text not null check (url <> ''),
  events          text[] not null check (cardinality(events) > 0),
  document        text not null check (document <> ''),
  permissions     text[] not null,
  token_id        uuid,
  failing_since   timestamptz,
  disabled_at     timestamptz,
  disabled_reason text check (disabled_reason in ('merchant', 'failing', 'gone', 'token')),
  created_at      timestamptz not null default now(),
  updated_at      timestamptz not null default now(),
  primary key (shop_id, id),
  foreign key (shop_id, token_id) references api_tokens (shop_id, id),
  check ((disabled_at is null) = (disabled_reason is null))
);

-- Two of a webhook for a day after a change of secret; `expires_at` is null for the newest.
create table webhook_secrets (
  shop_id    uuid not null references shops,
  id         uuid not null,
  webhook_id uuid not null,
  sealed     bytea not null,
  hint       text not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz,
  primary key (shop_id, id),
  foreign key (shop_id, webhook_id) references webhooks (shop_id, id) on delete cascade
);
create index webhook_secrets_webhook on webhook_secrets (shop_id, webhook_id);

-- One event for one webhook: written, as ids and a moment, in the transaction of what happened; the
-- body is rendered when it is sent first, and every try sends the same. `attempts` counts the tries
-- since it was made or replayed.
create table webhook_deliveries (
  shop_id     uuid not null references shops,
  id          uuid not null,
  webhook_id  uuid not null,
  event       text not null check (event in (
    'order.placed', 'order.paid', 'order.delivered', 'order.expired', 'order.canceled',
    'order.refunded', 'refund.requested', 'refund.succeeded', 'refund.due', 'dispute.opened',
    'dispute.changed', 'dispute.closed', 'code_report.opened', 'code_report.answered',
    'product.created', 'product.changed', 'product.archived', 'stock.low', 'stock.sold_out',
    'stock.restocked')),
  subject_id  uuid not null,
  happened_at timestamptz not null default now(),
  test        boolean not null default false,
  state       text not null default 'pending' check (state in ('pending', 'delivered', 'failed')),
  attempts    integer not null default 0 check (attempts >= 0),
  next_at     timestamptz,
  finished_at timestamptz,
  problem     text not null default '',
  body        text not null default '',
  primary key (shop_id, id),
  foreign key (shop_id, webhook_id) references webhooks (shop_id, id) on delete cascade
);
create index webhook_deliveries_listed on webhook_deliveries (shop_id, webhook_id, id);
create index webhook_deliveries_age on webhook_deliveries (happened_at);

-- `status` is what the other side answered, with the beginning of its body; null where it answered
-- nothing, for the reason in `problem`.
create table webhook_tries (
  shop_id      uuid not null references shops,
  id           uuid not null,
  delivery_id  uuid not null,
  at           timestamptz not null default now(),
  milliseconds integer not null check (milliseconds >= 0),
  status       integer,
  response     text not null default '',
  problem      text not null default '',
  primary key (shop_id, id),
  foreign key (shop_id, delivery_id) references webhook_deliveries (shop_id, id) on delete cascade
);
create index webhook_tries_delivery on webhook_tries (shop_id, delivery_id, id);

select tenant_wall('webhooks', 'shop_id', 'select, insert, update, delete');
select tenant_wall('webhook_secrets', 'shop_id', 'select, insert, update, delete');
select tenant_wall('webhook_deliveries', 'shop_id', 'select, insert, update');
select tenant_wall('webhook_tries', 'shop_id', 'select, insert');
select seal_wall('webhook_secrets', 'sealed');
select audit_wall('webhooks', 'webhook', 'id', 'url', true, array[
  'url', 'events', 'document', 'disabled_reason']);
select audit_wall('webhook_secrets', 'webhook', 'webhook_id', '', false, array[
  'created_at', 'expires_at']);

-- A UUID of version 7 (RFC 9562, 5.7), as the product makes them: rows listed by id are in the order
-- of their making.
create function row_id() returns uuid
language sql volatile set search_path = public, pg_temp as $$
  select encode(
    set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
      placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3)
      from 1 for 6), 52, 1), 53, 1), 'hex')::uuid
$$;

-- Tells the shop's webhooks of an event: a delivery each, and the work of sending it, in the
-- transaction of the event. Almost every shop has none: then it is one look at an index.
create function webhook_event(p_shop uuid, p_event text, p_subject uuid) returns void
language plpgsql set search_path = public, pg_temp as $$
begin
  if not exists (select from webhooks where shop_id = p_shop and disabled_at is null
                 and p_event = any (events)) then
    return;
  end if;
  with told as (
    insert into webhook_deliveries (shop_id, id, webhook_id, event, subject_id)
    select p_shop, row_id(), id, p_event, p_subject from webhooks
    where shop_id = p_shop and disabled_at is null and p_event = any (events)
    returning id)
  insert into outbox (shop_id, id, kind, subject_id, due_at)
  select p_shop, row_id(), 'webhook.send', id, now() from told;
end $$;

-- A line of an order's timeline is an event by the same name.
create function webhook_order_event() returns trigger
language plpgsql set search_path = public, pg_temp as $$
begin
  perform webhook_event(new.shop_id, new.kind, new.order_id);
  return null;
end $$;

-- The event that the argument names: of the row itself, or of the order that it belongs to.
create function webhook_row_event() returns trigger
language plpgsql set search_path = public, pg_temp as $$
begin
  perform webhook_event(new.shop_id, tg_argv[0], new.id);
  return null;
end $$;
create function webhook_event_of_order() returns trigger
language plpgsql set search_path = public, pg_temp as $$
begin
  perform webhook_event(new.shop_id, tg_argv[0], new.order_id);
  return null;
end $$;

create trigger webhook after insert on order_events for each row
  when (new.kind in ('order.placed', 'order.paid', 'order.delivered', 'order.expired',
                     'order.canceled'))
  execute function webhook_order_event();
create trigger webhook_refunded after update of status on orders for each row
  when (old.status <> 'refunded' and new.status = 'refunded')
  execute function webhook_row_event('order.refunded');

create trigger webhook_requested after insert on refunds for each row
  execute function webhook_row_event('refund.requested');
create trigger webhook_succeeded after update of state on refunds for each row
  when (old.state <> 'succeeded' and new.state = 'succeeded')
  execute function webhook_row_event('refund.succeeded');
create trigger webhook_due after update of state on refunds for each row
  when (old.state <> 'due' and new.state = 'due')
  execute function webhook_row_event('refund.due');

create trigger webhook_opened after insert on disputes for each row
  execute function webhook_event_of_order('dispute.opened');
create trigger webhook_changed after update of status on disputes for each row
  when (old.status <> new.status and new.status not in ('won', 'lost', 'closed'))
  execute function webhook_event_of_order('dispute.changed');
create trigger webhook_closed after update of status on disputes for each row
  when (old.status <> new.status and new.status in ('won', 'lost', 'closed'))
  execute function webhook_event_of_order('dispute.closed');

create trigger webhook_opened after insert on code_reports for each row
  execute function webhook_row_event('code_report.opened');
create trigger webhook_answered after update of state on code_reports for each row
  when (old.state = 'open' and new.state <> 'open')
  execute function webhook_row_event('code_report.answered');

-- What a product is made of (variants, prices, pictures) is written with the product itself.
create trigger webhook_created after insert on products for each row
  execute function webhook_row_event('product.created');
create trigger webhook_changed after update on products for each row
  when (old.* is distinct from new.* and new.created_at < now()
        and not (old.status <> 'archived' and new.status = 'archived'))
  execute function webhook_row_event('product.changed');
create trigger webhook_archived after update of status on products for each row
  when (old.status <> 'archived' and new.status = 'archived')
  execute function webhook_row_event('product.archived');

create trigger webhook_low after update of low_since on variants for each row
  when (old.low_since is null and new.low_since is not null)
  execute function webhook_row_event('stock.low');
create trigger webhook_restocked after update of low_since on variants for each row
  when (old.low_since is not null and new.low_since is null)
  execute function webhook_row_event('stock.restocked');

-- What was delivered or given up, with what was sent and answered, goes after its time.
create function retention_sweep_deliveries(p_what text, p_before timestamptz, p_limit integer)
returns integer
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  touched integer;
begin
  if p_before > now() - interval '1 hour' then
    raise exception 'too young to be swept' using errcode = 'check_violation';
  end if;
  delete from webhook_deliveries using (
    select shop_id, id from webhook_deliveries
    where happened_at < p_before and state <> 'pending' limit p_limit
    for update skip locked) old
  where webhook_deliveries.shop_id = old.shop_id and webhook_deliveries.id = old.id;
  get diagnostics touched = row_count;
  return touched;
end $$;

-- What was told of a person, by whom they bought from: asked for before `person_erase` forgets which
-- orders are theirs. A delivery that still waits is rendered anew.
create function person_erase_told(p_email text, p_pattern text) returns integer
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  shop uuid := nullif(current_setting('app.shop', true), '')::uuid;
  mine uuid[];
  n integer;
  touched integer;
begin
  if shop is null or position('@' in p_email) = 0 or p_pattern = '' then
    raise exception 'nobody to erase' using errcode = 'check_violation';
  end if;
  select coalesce(array_agg(id), '{}') into mine
  from orders where shop_id = shop and email = p_email;
  update webhook_deliveries set body = ''
  where shop_id = shop and body <> '' and (body ~* p_pattern or subject_id = any (mine)
    or subject_id in (select id from refunds where shop_id = shop and order_id = any (mine)
                      union select id from code_reports
                      where shop_id = shop and order_id = any (mine)));
  get diagnostics touched = row_count;
  update webhook_tries set response = person_blotted(response, p_pattern)
  where shop_id = shop and response ~* p_pattern;
  get diagnostics n = row_count;
  return touched + n;
end $$;

-- The shops of which nothing else tells of a person any more.
create function operator_person_told_shops(p_secret_hash bytea, p_email text)
returns table (id uuid, slug text, name text)
language plpgsql stable security definer set search_path = public, pg_temp as $$
begin
  perform require_operator(p_secret_hash);
  return query
    select shops.id, shops.slug, shops.name from shops where shops.id in (
      select shop_id from webhook_deliveries where position(p_email in lower(body)) > 0
      union select shop_id from webhook_tries where position(p_email in lower(response)) > 0);
end $$;

revoke execute on function
  row_id, webhook_event, webhook_order_event, webhook_row_event, webhook_event_of_order,
  retention_sweep_deliveries, person_erase_told, operator_person_told_shops
from public;
grant execute on function
  row_id, webhook_event, retention_sweep_deliveries, person_erase_told, operator_person_told_shops
to keystall_app;
