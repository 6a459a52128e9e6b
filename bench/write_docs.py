# SPDX-License-Identifier: Apache-2.0
"""Puts the figures of a full run of scripts/bench or scripts/bench-fleet into docs/benchmarks.md.

Usage: write_docs.py node NODE_JSON MICRO_JSON DOCUMENT
       write_docs.py fleet FLEET_JSON DOCUMENT

Replaces what stands between the two markers of these figures. Ends with an error, and leaves the
document as it is, where there are no figures, or those of a quick run.
"""

import json
import pathlib
import sys


def markers(name):
    return f"<!-- {name}:begin -->", f"<!-- {name}:end -->"


def table(header, rows):
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def goals(all_goals):
    rows = [
        [goal["figure"], goal["value"], goal["goal"], "met" if goal["met"] else "**missed**"]
        for goal in all_goals
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


def origin(figures):
    machine = figures["machine"]
    return (f"{machine['cores']} cores of {machine['cpu']}, {machine['kernel']}, "
            f"{machine['compiler']}, gRPC {machine['grpc']}")


def node_figures(node, micro):
    date = micro["context"]["date"][:10]
    sampler = node["sampler"]
    return "\n\n".join([
        f"Version {node['version']}, {date}, {origin(node)}:",
        goals(node["goals"]),
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


def fleet_costs(fleets):
    rows = []
    for fleet in fleets:
        for side, name in (("hub", "hub"), ("bare", "bare server")):
            rows.append([
                str(fleet["nodes"]), name, f"{fleet[side + '_cpu_us_per_report']:.1f}",
                f"{fleet[side + '_cpu_cores']:.3f}", f"{fleet[side + '_kib_per_node']:.1f}",
                f"{fleet[side + '_rss_before_mib']:.1f}", f"{fleet[side + '_rss_mib']:.1f}",
            ])
    return table(["Nodes", "Server", "CPU µs a report", "CPU cores", "KiB a node",
                  "Resident MiB before", "with all nodes"], rows)


def fleet_lookups(fleets):
    rows = []
    for fleet in fleets:
        for key, name in (("64_pods", "64"), ("9_or_10_pods", "9 or 10"), ("1_pod", "1")):
            load = fleet["lookups_under_load"][key]
            quiet = fleet["lookups_without_reports"][key]
            rows.append([
                str(fleet["nodes"]), name, f"{load['p50_ms']:.3f}", f"{load['p99_ms']:.3f}",
                f"{quiet['p50_ms']:.3f}", f"{quiet['p99_ms']:.3f}",
            ])
    return table(["Nodes", "Pods", "p50 ms", "p99 ms", "p50 ms without reports",
                  "p99 ms without reports"], rows)


def fleet_figures(fleets):
    largest = fleets[-1]
    checked = sum(fleet["answers_right"] + fleet["answers_late"] for fleet in fleets)
    late = sum(fleet["answers_late"] for fleet in fleets)
    return "\n\n".join([
        f"Version {largest['version']}, {largest['date']}, {origin(largest)}:",
        goals([goal for fleet in fleets for goal in fleet["goals"]]),
        "Medians of the rounds:",
        fleet_costs(fleets),
        "GetMetrics while the reports come in, and without:",
        fleet_lookups(fleets),
        f"{checked} answers were checked; none was wrong, {late} were late. At {largest['nodes']} "
        f"nodes hub, agents and benchmark took {largest['total_cpu_percent']:.0f} % of the machine's "
        f"CPU, the agents alone {largest['agents_cpu_cores']:.2f} core; a report has "
        f"{largest['report_bytes']:.0f} bytes.",
    ])


def write(document_path, name, text):
    document = pathlib.Path(document_path)
    old = document.read_text(encoding="utf-8")
    begin, end = markers(name)
    if old.count(begin) != 1 or old.count(end) != 1:
        sys.exit(f"{document_path}: the markers {begin} and {end} must stand there once each")
    before, rest = old.split(begin)
    after = rest.split(end)[1]
    document.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")


def refuse_quick(path, quick):
    if quick:
        sys.exit(f"{path} is of a quick run: run the benchmark without --quick first")


def load(path):
    return json.loads(pathlib.Path(path).read_text(encoding="utf-8"))


def main(kind, *paths):
    document_path = paths[-1]
    if kind == "node":
        node, micro = load(paths[0]), load(paths[1])
        refuse_quick(paths[0], node["quick"])
        write(document_path, "figures", node_figures(node, micro))
    else:
        fleets = load(paths[0])
        refuse_quick(paths[0], fleets[-1]["quick"])
        write(document_path, "fleet-figures", fleet_figures(fleets))
    print(f"{document_path} has the figures of {paths[0]}")


if __name__ == "__main__":
    if [len(sys.argv), *sys.argv[1:2]] not in ([5, "node"], [4, "fleet"]):
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:])
    except FileNotFoundError as missing:
        sys.exit(f"{missing.filename} is not there: run the benchmark first")
