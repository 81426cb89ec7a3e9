-- Erasing one person on request: who bought is forgotten, what was bought, paid and booked stays.
-- Functions only. History that the request role may only write once is changed by the owner here.

-- `p_pattern` finds the address in a text, and not within a longer one.
create function person_blotted(p_text text, p_pattern text) returns text
language sql immutable set search_path = public, pg_temp as $$
  select regexp_replace(p_text, p_pattern, 'erased', 'gi')
$$;

-- Erases the person from the shop of this transaction, and answers how many rows of each kind it
-- was. `p_account`: their account, where they have one; null: as a buyer alone.
create function person_erase(p_email text, p_pattern text, p_account uuid) returns jsonb
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  shop uuid := nullif(current_setting('app.shop', true), '')::uuid;
  mine uuid[];
  my_codes uuid[];
  n integer;
  texts integer := 0;
  counts jsonb := '{}';
begin
  if shop is null or position('@' in p_email) = 0 or p_pattern = '' then
    raise exception 'nobody to erase' using errcode = 'check_violation';
  end if;
  select coalesce(array_agg(id), '{}') into mine
  from (select id from orders where shop_id = shop and email = p_email order by id for update) o;
  select coalesce(array_agg(id), '{}') into my_codes from (
    select codes.id from codes join order_lines on order_lines.shop_id = shop
      and order_lines.id = order_line_id
    where codes.shop_id = shop and order_id = any (mine)
    union select code_id from code_reports where shop_id = shop and order_id = any (mine)) c;

  -- First, so that what this deed itself leaves in the log is not counted.
  update audit_changes
  set label = person_blotted(label, p_pattern),
      before = person_blotted(before::text, p_pattern)::jsonb,
      after = person_blotted(after::text, p_pattern)::jsonb
  where shop_id = shop
    and (label ~* p_pattern or before::text ~* p_pattern or after::text ~* p_pattern);
  get diagnostics n = row_count;
  texts := texts + n;

  delete from carts where shop_id = shop
    and (email = p_email or order_id = any (mine) or buyer_fields::text ~* p_pattern);
  get diagnostics n = row_count;
  counts := counts || jsonb_build_object('carts', n);

  delete from outbox where shop_id = shop and done_at is null and subject_id in (
    select id from invitations where shop_id = shop and email = p_email);
  delete from invitations where shop_id = shop and email = p_email;
  get diagnostics n = row_count;
  counts := counts || jsonb_build_object('invitations', n);
  update invitations set invited_by = person_blotted(invited_by, p_pattern)
  where shop_id = shop and invited_by ~* p_pattern;

  delete from outbox
  where shop_id = shop and done_at is null and kind = 'mail.customer_link' and subject_id in (
    select id from customer_links where shop_id = shop and email = p_email);
  delete from customer_links where shop_id = shop and email = p_email;
  -- Sessions go with the customer.
  delete from customers where shop_id = shop and email = p_email;
  get diagnostics n = row_count;
  counts := counts || jsonb_build_object('customers', n);

  update code_reports set note = '' where shop_id = shop and order_id = any (mine) and note <> '';
  get diagnostics n = row_count;
  counts := counts || jsonb_build_object('reports', n);

  update reveals set address = 'erased', user_agent = ''
  where shop_id = shop and address <> 'erased'
    and (actor = 'buyer' and code_id = any (my_codes) or actor = p_account::text);
  get diagnostics n = row_count;
  counts := counts || jsonb_build_object('reveals', n);

  update code_exports set address = 'erased', user_agent = ''
  where shop_id = shop and actor = p_account::text and address <> 'erased';
  get diagnostics n = row_count;
  counts := counts || jsonb_build_object('exports', n);

  -- The address where the provider takes the money may have the buyer's filled in.
  update payments set redirect_url = null
  where shop_id = shop and order_id = any (mine) and redirect_url is not null;

  update inbox
  set body = '', notice = person_blotted(notice::text, p_pattern)::jsonb
  where shop_id = shop and (body <> '' or notice::text ~* p_pattern)
    and (notice ->> 'reference' in
           (select id::text from payments where shop_id = shop and order_id = any (mine))
         or position(convert_to(p_email, 'UTF8') in body) > 0 or notice::text ~* p_pattern);
  get diagnostics n = row_count;
  counts := counts || jsonb_build_object('callbacks', n);

  delete from outbox
  where shop_id = shop and done_at is null and kind = any (array[
      'mail.order_delivered', 'mail.order_link', 'mail.order_refunded',
      'mail.code_report_answered'])
    and (subject_id = any (mine)
         or subject_id in (select id from refunds where shop_id = shop and order_id = any (mine))
         or subject_id in
           (select id from code_reports where shop_id = shop and order_id = any (mine)));
  get diagnostics n = row_count;
  counts := counts || jsonb_build_object('mails', n);

  delete from idempotency_keys where shop_id = shop and object_id = any (mine);

  update orders set email = 'erased', buyer_fields = '[]', placed_from = null
  where shop_id = shop and id = any (mine);
  counts := counts || jsonb_build_object('orders', cardinality(mine));

  -- What others wrote that has the address in it.
  update orders set buyer_fields = person_blotted(buyer_fields::text, p_pattern)::jsonb
  where shop_id = shop and buyer_fields::text ~* p_pattern;
  get diagnostics n = row_count;
  texts := texts + n;
  update order_events set data = person_blotted(data::text, p_pattern)::jsonb
  where shop_id = shop and data::text ~* p_pattern;
  get diagnostics n = row_count;
  texts := texts + n;
  update refunds
  set note = person_blotted(note, p_pattern), problem = person_blotted(problem, p_pattern)
  where shop_id = shop and (note ~* p_pattern or problem ~* p_pattern);
  get diagnostics n = row_count;
  texts := texts + n;
  update code_reports
  set note = person_blotted(note, p_pattern), answer = person_blotted(answer, p_pattern)
  where shop_id = shop and (note ~* p_pattern or answer ~* p_pattern);
  get diagnostics n = row_count;
  texts := texts + n;
  update batches
  set supplier = person_blotted(supplier, p_pattern), note = person_blotted(note, p_pattern)
  where shop_id = shop and (supplier ~* p_pattern or note ~* p_pattern);
  get diagnostics n = row_count;
  texts := texts + n;
  -- What a shop of theirs says of itself; other shops' pages are their merchants'.
  update shops set contact = person_blotted(contact, p_pattern),
    notice = person_blotted(notice, p_pattern), policies = person_blotted(policies, p_pattern),
    translations = person_blotted(translations::text, p_pattern)::jsonb,
    status_reason = person_blotted(status_reason, p_pattern)
  where id = shop
    and exists (select from memberships where account_id = p_account and shop_id = shop)
    and concat_ws(' ', contact, notice, policies, translations::text, status_reason) ~* p_pattern;
  get diagnostics n = row_count;
  texts := texts + n;
  -- Once more: the log has just written down what was erased above.
  update audit_changes
  set label = person_blotted(label, p_pattern),
      before = person_blotted(before::text, p_pattern)::jsonb,
      after = person_blotted(after::text, p_pattern)::jsonb
  where shop_id = shop
    and (label ~* p_pattern or before::text ~* p_pattern or after::text ~* p_pattern);
  counts := counts || jsonb_build_object('texts', texts);

  update audit_entries set actor_name = 'erased', address = '', user_agent = ''
  where shop_id = shop and actor_id = p_account and actor_name <> 'erased';
  get diagnostics n = row_count;
  return counts || jsonb_build_object('deeds', n);
end $$;

-- The shops whose rows may tell of a person.
create function operator_person_shops(p_secret_hash bytea, p_email text)
returns table (id uuid, slug text, name text)
language plpgsql stable security definer set search_path = public, pg_temp as $$
declare
  account uuid := (select accounts.id from accounts where email = p_email);
begin
  perform require_operator(p_secret_hash);
  return query
    select shops.id, shops.slug, shops.name from shops where shops.id in (
      select shop_id from orders
        where email = p_email or position(p_email in lower(buyer_fields::text)) > 0
      union select shop_id from carts
        where email = p_email or position(p_email in lower(buyer_fields::text)) > 0
      union select shop_id from invitations
        where invitations.email = p_email or position(p_email in lower(invited_by)) > 0
      union select shop_id from customers where email = p_email
      union select shop_id from customer_links where email = p_email
      union select shop_id from order_events where position(p_email in lower(data::text)) > 0
      union select shop_id from refunds
        where position(p_email in lower(note)) > 0 or position(p_email in lower(problem)) > 0
      union select shop_id from code_reports
        where position(p_email in lower(note)) > 0 or position(p_email in lower(answer)) > 0
      union select shop_id from batches
        where position(p_email in lower(supplier)) > 0
          or position(p_email in lower(batches.note)) > 0
      union select shop_id from inbox
        where position(convert_to(p_email, 'UTF8') in body) > 0
          or position(p_email in lower(notice::text)) > 0
      union select shop_id from audit_changes
        where position(p_email in lower(label || before::text || after::text)) > 0
      union select shop_id from audit_entries where actor_id = account
      union select shop_id from reveals where actor = account::text
      union select shop_id from code_exports where actor = account::text
      union select shop_id from memberships where account_id = account)
    order by shops.id;
end $$;

-- Their account, if they have one, with what hangs on it, and the shops that would be left alone.
create function operator_person_account(p_secret_hash bytea, p_email text)
returns table (id uuid, is_operator boolean, sessions bigint, links bigint, memberships bigint,
               left_alone text[])
language plpgsql stable security definer set search_path = public, pg_temp as $$
begin
  perform require_operator(p_secret_hash);
  return query
    select a.id, exists (select from operators o where o.account_id = a.id),
      (select count(*) from sessions s where s.account_id = a.id),
      (select count(*) from account_tokens t where t.account_id = a.id),
      (select count(*) from memberships m where m.account_id = a.id),
      (select coalesce(array_agg(shops.slug order by shops.slug), '{}')
       from memberships m join shops on shops.id = m.shop_id
       where m.account_id = a.id and m.role = 'owner' and shops.status in ('open', 'pending')
         and not exists (select from memberships other where other.shop_id = m.shop_id
                         and other.role = 'owner' and other.account_id <> a.id))
    from accounts a where a.email = p_email;
end $$;

-- Ends the account, blots the address out of the operators' record, and writes there that somebody
-- was erased; `p_count` rows of shops were before.
create function operator_person_end(
  p_secret_hash bytea, p_email text, p_pattern text, p_note text, p_count integer)
returns integer language plpgsql security definer set search_path = public, pg_temp as $$
declare
  who uuid := operator_account(p_secret_hash);
  account uuid;
  n integer;
  touched integer := p_count;
begin
  select accounts.id into account from accounts where email = p_email for update;
  if exists (select from operator_person_account(p_secret_hash, p_email) as found
             where found.is_operator or cardinality(found.left_alone) > 0) then
    raise exception 'the account is needed' using errcode = 'check_violation';
  end if;
  delete from outbox where shop_id = '00000000-0000-0000-0000-000000000000'
    and subject_id in (select id from account_tokens where account_id = account);
  -- First another name: the log writes down who is no member any more.
  update accounts set email = 'erased-' || accounts.id || '@erased.invalid'
  where accounts.id = account;
  delete from memberships where account_id = account;
  get diagnostics n = row_count;
  touched := touched + n;
  -- Sessions and links go with it.
  delete from accounts where accounts.id = account;
  get diagnostics n = row_count;
  touched := touched + n;
  update operator_actions
  set subject = person_blotted(subject, p_pattern), note = person_blotted(note, p_pattern)
  where subject ~* p_pattern or note ~* p_pattern;
  get diagnostics n = row_count;
  touched := touched + n;
  insert into operator_actions (account_id, action, note, count)
  values (who, 'person.erase', person_blotted(p_note, p_pattern), touched);
  return touched;
end $$;

revoke execute on function
  person_blotted, person_erase, operator_person_shops, operator_person_account,
  operator_person_end
from public;
grant execute on function
  person_erase, operator_person_shops, operator_person_account, operator_person_end
to keystall_app;
