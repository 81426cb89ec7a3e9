-- What one buyer may hold without paying. Constant defaults: no row is rewritten.
alter table shops
  add column unpaid_per_buyer integer not null default 5
    check (unpaid_per_buyer between 1 and 1000),
  add column unpaid_per_address integer not null default 20
    check (unpaid_per_address between 1 and 100000),
  add column hold_share integer not null default 50 check (hold_share between 1 and 100);
grant update (unpaid_per_buyer, unpaid_per_address, hold_share) on shops to keystall_app;

-- A keyed hash of where an unpaid order came from; forgotten when its hold ends.
alter table orders add column placed_from bytea;
create index orders_placed_from on orders (shop_id, placed_from)
  where status = 'pending' and placed_from is not null;
