"""Puts what a run measured into a page that people also edit, between two comments that name the block."""

from pathlib import Path


def replace_block(page: Path, name: str, text: str) -> None:
    """Replace what stands between `<!-- name -->` and `<!-- /name -->`.

    Raises:
        ValueError: the page lacks one of the comments.
    """
    start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    before, found_start, rest = page.read_text(encoding="utf-8").partition(start)
    _, found_end, after = rest.partition(end)
    if not (found_start and found_end):
        raise ValueError(
            f"Expected {start} and, after it, {end} in {page}, to write what was measured between."
        )
    page.write_text(f"{before}{start}\n\n{text.strip()}\n\n{end}{after}", encoding="utf-8")
