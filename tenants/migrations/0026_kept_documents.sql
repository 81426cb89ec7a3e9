-- Answers to a document that a shop no longer vouches for are not kept either. Additive.

select catalog_wall('trusted_documents', 'shop_id', '{}');
