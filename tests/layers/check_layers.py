#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reads the #include lines of src/ and fails on a breach of the layers (ARCHITECTURE.md).

A folder includes only folders of lower layers, and vendor headers only where they belong.
Usage: check_layers.py SOURCE_DIR
"""
import pathlib
import re
import sys

LAYERS = {
    "base": 0,
    "model": 1, "telemetry": 1,
    "gpu": 2, "kube": 2, "engine": 2, "endpoint": 2, "tls": 2, "catalogue": 2,
    "sampling": 3, "processes": 3, "scraping": 3, "trigger": 3, "attribution": 3,
    "fleet": 4,
    "decision": 5,
    "scaler": 6, "http": 6,
    "cli": 7,
    "app": 8,
}

# Headers from outside, and the only folders that may include them.
RESTRICTED = [
    (re.compile(r"^(grpc|grpcpp)/|\.(grpc\.)?pb\.h$"), {"scaler", "cli", "app", "fleet", "kube", "tls"}),
    (re.compile(r"^dlfcn\.h$"), {"gpu"}),
    (re.compile(r"^yaml-cpp/"), {"base", "gpu", "engine", "endpoint", "kube"}),
    (re.compile(r"^httplib\.h$|^prometheus/"), {"http"}),
    (re.compile(r"^curl/"), {"kube", "endpoint"}),
    (re.compile(r"^openssl/"), {"base", "tls"}),
    (re.compile(r"^spdlog/"), {"base"}),
    (re.compile(r"^CLI/"), {"app"}),
]

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def breaches(folder, path, lines):
    """Every line of one file that includes what its folder may not."""
    for number, line in enumerate(lines, 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        header = match.group(2)
        for pattern, allowed in RESTRICTED:
            if pattern.search(header) and folder not in allowed:
                yield f"{path}:{number}: {folder}/ may not include {header}"
        target = header.split("/")[0]
        if match.group(1) == "<" or "/" not in header or target in (folder, "tests"):
            continue
        if target not in LAYERS:
            yield f"{path}:{number}: {header} is in no known folder"
        elif LAYERS[target] >= LAYERS[folder]:
            yield (f"{path}:{number}: {folder}/ (layer {LAYERS[folder]}) may not include "
                   f"{target}/ (layer {LAYERS[target]})")


def self_test():
    """A checker that finds nothing must be able to find something."""
    for line in ('#include "scaler/service.h"', '#include "decision/../fleet/store.h"',
                 '#include "nowhere/x.h"', '#include "externalscaler.pb.h"',
                 "#include <grpcpp/server.h>", "#include <dlfcn.h>"):
        assert list(breaches("trigger", "x", [line])), line
    good = ['#include "base/clock.h"', '#include "trigger/keys.h"', "#include <vector>"]
    assert not list(breaches("trigger", "x", good))


def main():
    self_test()
    source = pathlib.Path(sys.argv[1])
    found = []
    files = 0
    for path in sorted(source.glob("*/**/*")):
        if path.suffix not in (".cc", ".h"):
            continue
        files += 1
        folder = path.relative_to(source).parts[0]
        if folder not in LAYERS:
            found.append(f"{path}: folder {folder}/ has no layer")
            continue
        found += breaches(folder, path, path.read_text().splitlines())
    print("\n".join(found))
    print(f"{files} files read, {len(found)} breaches")
    return 1 if found or files == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
