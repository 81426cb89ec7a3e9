-- Whether a shop puts codes in the mail to their buyer. Off until its merchant asks for it.

alter table shops add column mail_codes boolean not null default false;
grant update (mail_codes) on shops to keystall_app;

select audit_wall('shops', 'shop', 'id', 'name', true, array[
  'slug', 'name', 'status', 'status_reason', 'locales', 'default_locale', 'currencies',
  'default_currency', 'contact', 'notice', 'policies', 'icp_number', 'translations', 'theme',
  'theme_settings', 'logo_file_id', 'hold_minutes', 'unpaid_per_buyer', 'unpaid_per_address',
  'hold_share', 'mail_codes', 'checklist_dismissed_at']);
