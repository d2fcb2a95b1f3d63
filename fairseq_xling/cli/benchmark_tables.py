"""xling-table: X-Mixup's Table 3 and Table 8 from finished evaluations.

Reads the results.json files that xling-evaluate wrote, of any tasks and models; models
of the same name in different files are one row.
"""

import argparse

from fairseq_xling.evaluation.result_files import load_results
from fairseq_xling.evaluation.score_table import benchmark_tables


def cli_main() -> None:
    """Entry point of ``xling-table``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", nargs="+", help="results.json files, or folders")
    parser.add_argument("--markdown", action="store_true")
    args = parser.parse_args()
    print(benchmark_tables(load_results(args.results), args.markdown), end="")


if __name__ == "__main__":
    cli_main()
