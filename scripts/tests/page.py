#!/usr/bin/env python3
"""Looks at the page of `awsinvoker report` in Chromium, as people would.

    scripts/tests/page.py FOLDER_WITH_PROGRAMS

Makes a run of both platforms, with names and answers that are long or mean harm, and pages of it. Checks that they are
valid HTML, and, at 400, 900 and 1600 pixels, light and dark, that nothing sticks out, overlaps or is cut off, and that
all text can be read. The charts for papers are checked, too, and that a page with such faults is refused. Needs
Chromium, and html5lib, which scripts/setup.sh installs.
"""

import csv
import html
import json
import pathlib
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

import html5lib

CHROMIUM = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"]
WIDTHS = [400, 900, 1600]
# The value of Chromium's setting preferredColorScheme.
SCHEMES = {"dark": 0, "light": 1}
HERE = pathlib.Path(__file__).parent
HOSTILE = '"><script>document.title = "harm"</script>&amp;$LATEST' + "W" * 30
PAYLOAD = {"num_of_rows": 10, "num_of_cols": 15}
ENDPOINTS = [
    {"hostname": "chameleon", "payload": PAYLOAD, "system": "lambda"},
    {"hostname": "chameleon", "payload": PAYLOAD, "protocol": "greeter", "system": "grpc", "label": HOSTILE},
    {"hostname": "chameleon", "payload": {"num_of_rows": "<b>" + "x" * 900}, "function": "fails", "label": "fails"},
]


def main():
    if len(sys.argv) != 2 or sys.argv[1] in ("-h", "--help"):
        sys.exit(__doc__)
    awsinvoker = pathlib.Path(sys.argv[1]).resolve() / "awsinvoker"
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        run(awsinvoker, folder)
        pages = report(awsinvoker, folder)
        for page in pages:
            check_html(page)
            for scheme in SCHEMES:
                if faults := faults_of(page, scheme):
                    sys.exit(f"{page.name}, {scheme}:\n  " + "\n  ".join(faults[:20]))
        check_charts(folder / "charts")
        check_that_faults_are_found(pages[0])
    print(f"{len(pages)} pages are valid and can be read at {WIDTHS} pixels, {' and '.join(SCHEMES)}")


def run(awsinvoker, folder):
    """A run with failures and cold starts."""
    (folder / "endpoints.json").write_text(json.dumps(ENDPOINTS))
    flags = ["--local", "--no-preflight", "--unlike", "--rps", "60", "--time", "3", "--out", "run"]
    threshold = ["--threshold", "response.p99<1us"]
    made = subprocess.run([awsinvoker, *flags, *threshold], cwd=folder, capture_output=True, text=True, timeout=60)
    # 4 and 5: not valid, because the machine is busy, and a threshold that is broken.
    if made.returncode not in (4, 5):
        sys.exit(f"the run ended with {made.returncode}: {made.stderr}")


def stretch(run, longer):
    """Lets a run last so much longer, with the same latencies, so that it has windows to compare."""
    info = json.loads((run / "run.json").read_text())
    info["configuration"]["time_s"] *= longer
    info["end"]["window_ns"] *= longer
    info["end"]["finished_ns"] *= longer
    with (run / "samples.csv").open(newline="") as file:
        reader = csv.DictReader(file)
        names, samples = reader.fieldnames, list(reader)
    for sample in samples:
        later = int(sample["intended_ns"]) * (longer - 1)
        for name in ["intended_ns", "issued_ns", "ready_ns", "written_ns", "first_byte_ns", "done_ns"]:
            sample[name] = str(int(sample[name]) + later) if sample[name] else ""
    longer_run = run.with_name("longer")
    longer_run.mkdir()
    (longer_run / "run.json").write_text(json.dumps(info))
    with (longer_run / "samples.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(samples)


def report(awsinvoker, folder):
    """The pages of the run, of two runs, of a run that was killed, and of one with a comparison."""
    stretch(folder / "run", 70)
    killed = folder / "killed"
    killed.mkdir()
    samples = (folder / "run/samples.csv").read_text().splitlines(keepends=True)
    (killed / "samples.csv").write_text("".join(samples[:40]) + samples[40][:20])
    (killed / "run.json").write_text((folder / "run/run.json").read_text())
    pages = {
        "one.html": ["run"],
        "two.html": ["run", "run"],
        "killed.html": ["killed"],
        "compared.html": ["longer", "--svg", "charts"],
    }
    for name, arguments in pages.items():
        subprocess.run([awsinvoker, "report", *arguments, "--html", name], cwd=folder, capture_output=True, check=True)
    assert "The comparison" in (folder / "compared.html").read_text()
    return [folder / name for name in pages]


def check_html(page):
    parser = html5lib.HTMLParser(strict=True)
    parser.parse(page.read_text())


def faults_of(page, scheme):
    """What is wrong with how the page looks, at all widths."""
    frame = '<iframe src="{}" style="width:{}px;height:900px;border:0"></iframe>'
    frames = "".join(frame.format(page.as_uri(), width) for width in WIDTHS)
    script = (HERE / "page_measure.js").read_text()
    frame_page = page.with_suffix(".frames.html")
    frame_page.write_text(f"<!DOCTYPE html><title>frames</title><body>{frames}<script>{script}</script>")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--dump-dom"]
    flags += ["--allow-file-access-from-files", "--virtual-time-budget=10000"]
    flags += [f"--blink-settings=preferredColorScheme={SCHEMES[scheme]}"]
    chromium = next((path for path in CHROMIUM if pathlib.Path(path).exists()), None)
    if not chromium:
        sys.exit("Chromium is not installed")
    with tempfile.TemporaryDirectory() as profile:
        command = [chromium, *flags, f"--user-data-dir={profile}", frame_page.as_uri()]
        shown = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    measured = json.loads(html.unescape(shown.split("MEASURED")[1]))
    if not isinstance(measured, list) or [frame["width"] for frame in measured] != WIDTHS:
        sys.exit(f"{page.name}, {scheme}: not measured: {measured}")
    assert all(frame["charts"] > 0 for frame in measured), f"{page.name} has no charts"
    return [f"{frame['width']} pixels: {fault}" for frame in measured for fault in frame["faults"]]


def check_that_faults_are_found(page):
    """A page with a wide table, large type and pale text is refused for each of these."""
    worse = {"overflow-x:auto": "overflow-x:visible", "font:11px": "font:26px", "--soft:#4a4a4a": "--soft:#aaa"}
    text = page.read_text()
    for good, bad in worse.items():
        assert good in text, good
        text = text.replace(good, bad)
    bad_page = page.with_name("bad.html")
    bad_page.write_text(text)
    faults = "\n".join(faults_of(bad_page, "light"))
    for fault in ["pixels wide, expected at most 400", "overlaps", "is cut off by the edge", "has a contrast of 2"]:
        assert fault in faults, f"not found: {fault}, but\n{faults[:2000]}"
    bad_page.write_text(text.replace("</main>", "</span></main>"))
    try:
        check_html(bad_page)
    except html5lib.html5parser.ParseError:
        return
    sys.exit("HTML that is not valid was not refused")


def check_charts(folder):
    """Each chart is an SVG file of its own with its data beside it."""
    charts = sorted(folder.glob("*.svg"))
    kinds = {chart.stem.split("-")[0] for chart in charts}
    assert {"ratios", "percentiles", "distribution", "timeline", "budget"} <= kinds, charts
    for chart in charts:
        root = xml.etree.ElementTree.parse(chart).getroot()
        assert root.attrib["width"] == "84mm" and "viewBox" in root.attrib, chart
        assert chart.with_suffix(".csv").read_text().count("\n") > 1, chart


if __name__ == "__main__":
    main()
