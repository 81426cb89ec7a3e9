-- A week before a token ends its shop is written to, by work that is left when the token is made. For
-- those that were made before there was such work, it is left here. Additive.

insert into outbox (shop_id, id, kind, subject_id, due_at)
select shop_id, row_id(), 'mail.merchant_token_ending', id, expires_at - interval '7 days'
from api_tokens
where revoked_at is null and expires_at > now() + interval '7 days';
