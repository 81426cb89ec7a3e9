-- Requests that change something go by the shop in memory, too, as pages did before: so its version
-- now moves with everything that requests know of a shop, its limits on unpaid orders included.

drop trigger catalog_inserted on shops;
drop trigger catalog_updated on shops;
drop trigger catalog_deleted on shops;
select catalog_wall('shops', 'id', array[
  'catalog_version', 'status_before', 'reviewed_at', 'checklist_dismissed_at']);
