#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Makes a manual page, in scdoc, from a document of docs/ that is its one source.

It knows the Markdown that these documents use: headings, paragraphs, lists, fenced code, tables, code spans,
emphasis, links. Anything else does not build. A table becomes a list: the first column is the term, the others
follow, after the names of their columns if there is more than one.

usage: from-markdown.py OUTPUT DOCUMENT NAME SECTION DESCRIPTION SEE-ALSO
"""
import re
import sys
from pathlib import Path

INLINE = re.compile(r"`` ?(?P<code2>.+?) ?``|`(?P<code>[^`]+)`|\*\*(?P<strong>.+?)\*\*|\*(?P<em>[^*\s][^*]*)\*"
                    r"|\[(?P<text>[^\]]+)\]\((?P<link>[^)]+)\)|(?P<plain>[^`*\[]+|\[)")


class Bad(Exception):
    pass


def escape(text):
    # A full stop at the beginning of a line would be one more thing to think of.
    return re.sub(r"([\\*_#|\[\]`~.])", r"\\\1", text)


def inline(text):
    out, position = [], 0
    while position < len(text):
        m = INLINE.match(text, position)
        if not m:
            raise Bad(f"what is meant by: {text[position:position + 40]}")
        kind, position = m.lastgroup, m.end()
        if kind in ("code", "code2"):
            out.append(f"*{escape(m[kind])}*")
        elif kind == "strong":
            out.append(f"*{escape(m['strong'].replace('`', ''))}*")
        elif kind == "em":
            out.append(f"_{escape(m['em'])}_")
        elif kind == "link":
            outside = m["link"].startswith("http")
            out.append(escape(m["text"].replace("`", "")) + (f" ({escape(m['link'])})" if outside else ""))
        else:
            out.append(escape(m["plain"]))
    return "".join(out)


def joined(lines):
    return inline(" ".join(line.strip() for line in lines))


def cells(line):
    """Of one row; a bar in a code span is none of the table."""
    found = re.findall(r"((?:`[^`]*`|[^|`])*)\|", line.strip().removeprefix("|"))
    return [cell.strip() for cell in found]


def table(lines):
    heads, out = cells(lines[0]), []
    for row in map(cells, lines[2:]):
        if len(row) != len(heads):
            raise Bad(f"a row of {len(row)} cells under {len(heads)} heads: {row}")
        others = [f"{inline(head)}: {inline(cell)}" if head and len(row) > 2 else inline(cell)
                  for head, cell in zip(heads[1:], row[1:]) if cell]
        out.append(inline(row[0]) + "\n" + "\n\n".join(f"\t{other}" for other in others) + "\n")
    return "\n".join(out)


def items(lines):
    """A list: each item with the lines that continue it."""
    found = []
    for line in lines:
        if re.match(r"- |\d+\. ", line):
            found.append([re.sub(r"^(- |\d+\. )", "", line)])
        else:
            found[-1].append(line)
    mark = "- " if lines[0].startswith("- ") else ". "
    return "\n".join(mark + joined(item) for item in found) + "\n"


def block(lines):
    first = lines[0]
    if first.startswith("# "):
        return ""  # the page has a name of its own
    if first.startswith("#"):
        depth = len(first) - len(first.lstrip("#")) - 1
        title = first.lstrip("# ")
        return f"{'#' * depth} {escape(title.upper() if depth == 1 else title)}\n"
    if first.startswith("|"):
        return table(lines)
    if first.startswith("```"):
        return "```\n" + "\n".join(line.replace("\\", "\\\\") for line in lines[1:-1]) + "\n```\n"
    if re.match(r"- |\d+\. ", first):
        return items(lines)
    if re.match(r"[>!=]|    |<", first):
        raise Bad(f"what is meant by: {first}")
    return joined(lines) + "\n"


def blocks(text):
    """Runs of lines between empty ones; code goes over them, to the end of its fence."""
    found, current, in_code = [], [], False
    for line in text.splitlines() + [""]:
        fence = line.startswith("```")
        if current and not in_code and (fence or not line.strip() or line.startswith("#") or current[-1] == "```"):
            found.append(current)
            current = []
        if fence:
            in_code = not in_code
        if line.strip() or in_code:
            current.append(line)
    return found


def main():
    output, document, name, section, description, see_also = sys.argv[1:]
    try:
        body = [block(lines) for lines in blocks(Path(document).read_text(encoding="utf-8"))]
    except Bad as problem:
        sys.exit(f"{document}: {problem}")
    page = [f"{name}({section})\n", f"# NAME\n\n{name} - {description}\n", "# DESCRIPTION\n", *filter(None, body),
            "# SEE ALSO\n", ", ".join(re.sub(r"(\S+)(\(\d\))", r"*\1*\2", entry) for entry in see_also.split()) + "\n"]
    Path(output).write_text("\n".join(page), encoding="utf-8")


if __name__ == "__main__":
    main()
