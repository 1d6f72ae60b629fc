"""Tables in Markdown."""

#: Of a line of text.
WIDTH = 120


def markdown_table(header: list[str], rows: list[list[str]]) -> list[str]:
    """Lines of a table whose columns line up."""
    rows = [[cell.replace("|", r"\|") for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]

    def line(cells: list[str]) -> str:
        return "| " + " | ".join(map(str.ljust, cells, widths)) + " |"

    return [line(header), line(["-" * width for width in widths]), *map(line, rows)]
