-- Null while the batch stands, and where it was taken back before this was counted.
alter table batches add undone_codes integer check (undone_codes >= 0);
grant update (undone_codes) on batches to keystall_app;
