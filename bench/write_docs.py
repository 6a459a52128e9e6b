# SPDX-License-Identifier: Apache-2.0
"""Puts the figures of a full run of scripts/bench into docs/benchmarks.md.

Usage: write_docs.py NODE_JSON MICRO_JSON DOCUMENT

Replaces what stands between the two markers. Ends with an error, and leaves the document as it is,
where there are no figures, or those of a quick run.
"""

import json
import pathlib
import sys

BEGIN = "<!-- figures:begin -->"
END = "<!-- figures:end -->"


def table(header, rows):
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def goals(node):
    rows = [
        [goal["figure"], goal["value"], goal["goal"], "met" if goal["met"] else "**missed**"]
        for goal in node["goals"]
    ]
    return table(["Figure", "Measured", "Goal", ""], rows)


def loads(node):
    rows = []
    for load in node["loads"]:
        for side, name in (("real", "scaler"), ("empty", "empty server")):
            figures = load[side]
            rows.append([
                str(load["concurrent_calls"]), name, f"{figures['rps']:.0f}",
                f"{figures['p50_ms']:.3f}", f"{figures['p99_ms']:.3f}",
                f"{figures['cpu_us_per_call']:.1f}", f"{figures['client_cpu_percent']:.0f} %",
            ])
    return table(["Concurrent calls", "Server", "Calls per second", "p50 ms", "p99 ms",
                  "Server CPU µs per call", "Client CPU"], rows)


def memory(node):
    rows = [
        [name, f"{node['memory'][side]['rss_mib']:.1f}",
         f"{node['memory'][side]['anonymous_mib']:.1f}", f"{node['memory'][side]['file_mib']:.1f}"]
        for side, name in (("real", "scaler"), ("empty", "empty server"))
    ]
    return table(["Server", "Resident MiB", "of it anonymous", "of it files"], rows)


def steps(micro):
    # A time is given in the unit that its benchmark chose.
    rows = [
        [step["name"].split("/")[0], f"{step['real_time']:.0f} {step['time_unit']}",
         f"{step['cpu_time']:.0f} {step['time_unit']}"]
        for step in micro["benchmarks"]
    ]
    return table(["Step", "Time", "CPU time"], rows)


def figures(node, micro):
    machine = node["machine"]
    date = micro["context"]["date"][:10]
    sampler = node["sampler"]
    return "\n\n".join([
        f"Version {node['version']}, {date}, {machine['cores']} cores of {machine['cpu']}, "
        f"{machine['kernel']}, {machine['compiler']}, gRPC {machine['grpc']}:",
        goals(node),
        "GetMetrics, medians of the rounds:",
        loads(node),
        "After the load:",
        memory(node),
        f"Without load, over {sampler['window_seconds']:.0f} s: the sampler's threads "
        f"{node['sampler_cpu_percent']:.2f} % of one core, the whole process "
        f"{sampler['process_cpu_percent']:.2f} %.",
        "Single steps:",
        steps(micro),
    ])


def main(node_path, micro_path, document_path):
    node = json.loads(pathlib.Path(node_path).read_text(encoding="utf-8"))
    micro = json.loads(pathlib.Path(micro_path).read_text(encoding="utf-8"))
    if node["quick"]:
        sys.exit(f"{node_path} is of a quick run: run scripts/bench first")
    document = pathlib.Path(document_path)
    text = document.read_text(encoding="utf-8")
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        sys.exit(f"{document_path}: the markers {BEGIN} and {END} must stand there once each")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    document.write_text(f"{before}{BEGIN}\n{figures(node, micro)}\n{END}{after}", encoding="utf-8")
    print(f"{document_path} has the figures of {node_path}")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:])
    except FileNotFoundError as missing:
        sys.exit(f"{missing.filename} is not there: run scripts/bench first")
