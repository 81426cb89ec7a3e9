-- Words of a shop's own for the letters to its buyers: a row for each letter and language, null
-- where the product's words stand.

create table mail_texts (
  shop_id uuid not null references shops,
  id      uuid not null,
  letter  text not null check (letter in (
    'order_delivered', 'order_delivered_codes', 'order_link', 'order_refunded',
    'code_report_answered', 'customer_sign_in')),
  locale  text not null check (locale in ('zh-CN', 'en')),
  subject text check (subject <> ''),
  title   text check (title <> ''),
  lead    text check (lead <> ''),
  note    text,
  action  text check (action <> ''),
  primary key (shop_id, id),
  unique (shop_id, letter, locale)
);

select tenant_wall('mail_texts', 'shop_id', 'select, insert, update, delete');
select audit_wall('mail_texts', 'mail_text', 'id', 'letter', true, array[
  'locale', 'subject', 'title', 'lead', 'note', 'action']);
