-- What buyers say of codes that do not work, and what became of it. Adds only.
alter table codes add column bad_at timestamptz;

create table code_reports (
  shop_id        uuid not null references shops,
  id             uuid not null,
  order_id       uuid not null,
  order_line_id  uuid not null,
  code_id        uuid not null,
  reason         text not null check (reason in ('invalid', 'used', 'other')),
  note           text not null default '',
  state          text not null check (state in ('open', 'replaced', 'refunded', 'rejected')),
  answer         text not null default '',
  actor          text not null default '',
  replacement_id uuid,
  refund_id      uuid,
  created_at     timestamptz not null default now(),
  answered_at    timestamptz,
  primary key (shop_id, id),
  foreign key (shop_id, order_id) references orders (shop_id, id),
  foreign key (shop_id, order_line_id) references order_lines (shop_id, id),
  foreign key (shop_id, code_id) references codes (shop_id, id),
  foreign key (shop_id, replacement_id) references codes (shop_id, id),
  foreign key (shop_id, refund_id) references refunds (shop_id, id),
  check ((state = 'open') = (answered_at is null)),
  check (state <> 'replaced' or replacement_id is not null),
  check (state <> 'refunded' or refund_id is not null)
);
-- Once until it is answered.
create unique index code_reports_open on code_reports (shop_id, code_id) where state = 'open';
create index code_reports_order on code_reports (shop_id, order_id, id);
create index code_reports_code on code_reports (shop_id, code_id);
create index code_reports_replacement on code_reports (shop_id, replacement_id);
create index code_reports_refund on code_reports (shop_id, refund_id);
create index code_reports_line on code_reports (shop_id, order_line_id);

select tenant_wall('code_reports', 'shop_id', 'select, insert, update');
select audit_wall('code_reports', 'order', 'order_id', '', false, array['state']);
