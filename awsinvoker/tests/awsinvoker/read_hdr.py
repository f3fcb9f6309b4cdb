"""Reads latency.hlog and the .hgrm files of a run folder as users do, and prints what it found as JSON."""

import glob
import json
import os
import sys

from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader


def intervals(path):
    reference = HdrHistogram(1, 3_600_000_000_000, 3)
    reader = HistogramLogReader(path, reference)
    while (histogram := reader.get_next_interval_histogram()) is not None:
        yield histogram


def read_log(path):
    """The histograms of each tag, added up over all intervals."""
    totals = {}
    for histogram in intervals(path):
        tag = histogram.get_tag()
        totals.setdefault(tag, HdrHistogram(1, 3_600_000_000_000, 3)).add(histogram)
    return totals


def statistics(histogram):
    """In microseconds."""
    return {
        "count": histogram.get_total_count(),
        "p50": histogram.get_value_at_percentile(50) / 1e3,
        "p99": histogram.get_value_at_percentile(99) / 1e3,
        "p999": histogram.get_value_at_percentile(99.9) / 1e3,
        "max": histogram.get_max_value() / 1e3,
    }


def plotted(lines):
    """What the HdrHistogram plotter keeps of a distribution: lines without # and of four tokens, below the head."""
    rows = [line.split() for line in lines if not line.startswith("#")]
    return [[float(token) for token in row] for row in rows if len(row) == 4 and row[0] != "Value"]


def disagreement(rows, histogram):
    """The first row that does not say what the histogram says of its percentile, in milliseconds."""
    recorded = [(step.value_iterated_to, step.total_count_to_this_value) for step in histogram.get_recorded_iterator()]
    total = histogram.get_total_count()
    for value, level, count, inverse in rows:
        exact, reached = next(step for step in recorded if step[1] / total >= level - 1e-12)
        if (f"{exact / 1e6:.3f}", reached, f"{1 / (1 - level):.2f}") != (f"{value:.3f}", count, f"{inverse:.2f}"):
            return f"{level}: {value} {count}, expected {exact / 1e6} {reached}"
    return None


run = sys.argv[1]
log = read_log(os.path.join(run, "latency.hlog"))
distributions = {}
for path in glob.glob(os.path.join(run, "*.hgrm")):
    tag = os.path.basename(path).removesuffix(".hgrm").replace("_2", "#2") + ":response"
    with open(path, encoding="utf-8") as file:
        rows = plotted(file)
    distributions[tag] = {"rows": len(rows), "disagreement": disagreement(rows, log[tag])}
print(
    json.dumps(
        {"log": {tag: statistics(histogram) for tag, histogram in log.items()}, "distributions": distributions}
    )
)
