"""Where this room's files are."""

from pathlib import Path

THEMES = Path(__file__).parent
"""The folder of templates, documents, texts and assets."""
