"""What can go wrong around an engine, worded for the person at the terminal."""


class EngineError(Exception):
    """An engine cannot be found, prepared or started; the message says why and what to do."""
