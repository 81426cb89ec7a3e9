"""Who works for a shop, and what each may do: roles, members, invitations."""
