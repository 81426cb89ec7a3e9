"""Keys that are changed and destroyed: by the owner, from the machine, while orders flow."""
