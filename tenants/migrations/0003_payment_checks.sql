-- When a provider was last asked about a payment; and the first question about each payment that an
-- older version took and nobody was told of. Those whose hold goes on are asked about at its end.
alter table payments add column checked_at timestamptz;

insert into outbox (shop_id, id, kind, subject_id, due_at)
select shop_id, gen_random_uuid(), 'payment.check', id, now() from payments
where state <> 'succeeded' and created_at > now() - interval '4 days';
