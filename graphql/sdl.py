"""The three schemas as committed text: what frontend developers read and CI compares."""

from pathlib import Path

from keystall.graphql.executor import SCHEMAS


def export() -> dict[str, str]:
    """The schema language of each schema by its file name, such as storefront.graphql."""
    return {f"{name}.graphql": schema.as_str() + "\n" for name, schema in SCHEMAS.items()}


def write(folder: Path) -> None:
    """Writes every schema into `folder`."""
    for name, text in export().items():
        (folder / name).write_text(text, "utf-8")


def outdated(folder: Path) -> list[str]:
    """Names of the files in `folder` that differ from the schemas, or are missing there."""
    return [
        name
        for name, text in export().items()
        if not (folder / name).is_file() or (folder / name).read_text("utf-8") != text
    ]
