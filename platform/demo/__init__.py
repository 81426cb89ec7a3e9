"""`keystall demo`: the whole product in one folder, supervised by one process.

Nothing here knows a shop: what to run (web, worker, the command that migrates and fills the
database) is told by the door, `keystall.platform.cli`.
"""
