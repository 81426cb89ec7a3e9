-- Refunds by a merchant's decision: whole or in part, with words, and paid back by hand where the
-- provider cannot. Adds only; processes of the version before go on beside it.
alter table refunds
  add column note    text not null default '',
  add column actor   text not null default 'system',
  add column by_hand boolean not null default false;

-- Withdrawn: the payment was accepted after all, so nothing goes back.
alter table refunds drop constraint refunds_state_check;
alter table refunds add constraint refunds_state_check
  check (state in ('requested', 'succeeded', 'due', 'withdrawn'));
create index refunds_due on refunds (shop_id, id) where state = 'due';
