create index codes_reserved on codes (shop_id, variant_id) where state = 'reserved';
