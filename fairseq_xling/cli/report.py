"""xling-report: one HTML page about a set of runs, to read and to pass on.

    xling-report RUNS... --results-path report

RUNS are folders, searched with all below them for what fairseq-train, xling-evaluate,
xling-analyze and xling-multimix wrote. The page needs no network and no other file.
"""

import argparse
from pathlib import Path

from fairseq_xling.cli.options import entry_point, new_parser
from fairseq_xling.report.write import write_page


def build_parser() -> argparse.ArgumentParser:
    """The command line of ``xling-report``."""
    parser = new_parser(__doc__)
    parser.add_argument("runs", nargs="+", metavar="RUNS", help="folders of runs")
    parser.add_argument(
        "--results-path",
        required=True,
        help="folder to write report.html to, or the file itself (.html)",
    )
    parser.add_argument("--title", help="of the page (default: the folders' names)")
    return parser


def main(args: argparse.Namespace) -> Path:
    """Write the page, and return where."""
    path = Path(args.results_path)
    if path.suffix != ".html":
        path = path / "report.html"
    write_page(args.runs, path, args.title)
    print(f"written to {path}")
    return path


cli_main = entry_point(build_parser, main)

if __name__ == "__main__":
    cli_main()
