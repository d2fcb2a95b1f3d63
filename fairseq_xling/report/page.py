"""The page: one HTML file that needs nothing else."""

from typing import List, NamedTuple, Sequence

from fairseq_xling.report.markup import Markup, element, escape, join, paragraph


class Part(NamedTuple):
    """A titled part of a section; a section's only one needs no title."""

    title: str
    content: Markup


class Section(NamedTuple):
    """A section and its parts."""

    title: str
    parts: List[Part]


STYLE = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem 1.2rem 4rem; max-width: 72rem; color: #1a1a1a;
  background: #fff; font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto,
  "Noto Sans", "Helvetica Neue", Arial, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.8rem; line-height: 1.2; margin: 1rem 0 .4rem; }
h2 { font-size: 1.4rem; margin: 2.6rem 0 .8rem; padding-bottom: .2rem;
  border-bottom: 2px solid #0072B2; }
h3 { font-size: 1.1rem; margin: 1.8rem 0 .6rem; }
h4 { font-size: 1rem; margin: 1.2rem 0 .4rem; }
p, ul, ol { max-width: 46rem; margin: .5rem 0; }
nav ol { padding-left: 1.4rem; }
nav ol ol { list-style: none; padding-left: .8rem; }
a { color: #005a8e; }
.legend, figcaption { color: #555; font-size: .86rem; max-width: 46rem; }
.box { overflow-x: auto; margin: .6rem 0; max-width: 100%; }
table { border-collapse: collapse; font-size: .88rem; overflow-wrap: normal;
  font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .45rem; border-bottom: 1px solid #ddd; vertical-align: top; }
thead th { border-bottom: 2px solid #999; vertical-align: bottom; }
th { text-align: left; font-weight: 600; }
thead th:not(:first-child), td { text-align: right; white-space: nowrap; }
tbody th { font-weight: 500; min-width: 7rem; max-width: 18rem; }
table.text td, table.text thead th { text-align: left; white-space: normal;
  min-width: 7rem; max-width: 20rem; overflow-wrap: break-word; }
td small { display: block; color: #555; font-size: .76rem; white-space: normal; }
tr { background: #fff; }
tbody tr:nth-child(even) { background: #f7f7f7; }
th:first-child { position: sticky; left: 0; background: inherit; }
code { font: .92em ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
figure { margin: 1rem 0; overflow-x: auto; }
img { max-width: max(100%, 40rem); height: auto; display: block; }
details { margin: .6rem 0; }
summary { cursor: pointer; color: #005a8e; }
@media print {
  body { max-width: none; padding: 0; font-size: 10pt; }
  .box, figure { overflow: visible; }
  img { max-width: 100%; }
  table { font-size: 7.5pt; }
  th, td { padding: .15rem .3rem; }
  figure, tr { break-inside: avoid; }
  h2, h3, h4 { break-after: avoid; }
}
"""


def write_page(
    title: str, introduction: Sequence[str], sections: Sequence[Section]
) -> str:
    """The whole page as text.

    Args:
        title: of the page.
        introduction: paragraphs at its top.
        sections: in their order; those without parts are left out.
    """
    shown = [section for section in sections if section.parts]
    entries, bodies = [], []
    for number, section in enumerate(shown, 1):
        here = f"section-{number}"
        content = [element("h2", section.title, id=here)]
        links = []
        for place, part in enumerate(section.parts, 1):
            if part.title:
                inner = f"{here}-{place}"
                content.append(element("h3", part.title, id=inner))
                link = element("a", part.title, href=f"#{inner}")
                links.append(element("li", link))
            content.append(part.content)
        bodies.append(element("section", join(content)))
        entry = [element("a", section.title, href=f"#{here}")]
        entry += [element("ol", join(links))] if links else []
        entries.append(element("li", join(entry)))
    contents = join([element("h2", "Contents"), element("ol", join(entries))])
    whole = [
        element("h1", title),
        *(paragraph(text) for text in introduction),
        element("nav", contents),
        element("main", join(bodies)),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n"
        f"<body>\n{join(whole)}\n</body>\n</html>\n"
    )
