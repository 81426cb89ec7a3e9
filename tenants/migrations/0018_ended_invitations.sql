-- Invitations that ended go after a time, with the addresses in them: one door for the sweep, as
-- retention_sweep, which names its kind of row too.

create function retention_sweep_invitations(
  p_what text, p_before timestamptz, p_limit integer)
returns integer
language plpgsql security definer set search_path = public, pg_temp as $$
declare
  touched integer;
begin
  if p_what <> 'invitations' or p_before > now() - interval '1 hour' then
    raise exception 'too young to be swept, or no such kind' using errcode = 'check_violation';
  end if;
  delete from invitations using (
    select shop_id, id from invitations where expires_at < p_before limit p_limit
    for update skip locked) old
  where invitations.shop_id = old.shop_id and invitations.id = old.id;
  get diagnostics touched = row_count;
  return touched;
end $$;

-- One sweep is of many shops, and nobody's deed: what goes by itself is not written down.
select audit_wall('invitations', 'invitation', 'id', 'email', false, array['role', 'expires_at']);

revoke execute on function retention_sweep_invitations from public;
grant execute on function retention_sweep_invitations to keystall_app;
