"""The first door: one ASGI application, put together from all rooms.

The Host header decides: the installation's own host has the console, the accounts' and the
operator's pages and the APIs for programs; every other host is a shop's, or nobody's.
"""

from keystall.platform.asgi.application import Application
from keystall.platform.settings import load_settings

app = Application(load_settings)
