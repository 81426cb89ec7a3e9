-- When the merchant put the finished first-sale checklist away; null until then. Without a default
-- nothing is rewritten, and processes of before neither read nor write it.
alter table shops add column checklist_dismissed_at timestamptz;
grant update (checklist_dismissed_at) on shops to keystall_app;
