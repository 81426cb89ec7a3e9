-- Where a payment's buyer is sent afterwards, with {token} in the place of the order's; null where it
-- is the order's page in the shop. An old process goes on sending everybody there.

alter table payments add column return_url text;
