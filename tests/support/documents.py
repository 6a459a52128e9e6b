# SPDX-License-Identifier: Apache-2.0
"""What README, SECURITY and docs/ show: blocks of code, commands, links, objects of Kubernetes."""

import dataclasses
import pathlib
import re
import shlex

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
FILES = [ROOT / name for name in ("README.md", "ARCHITECTURE.md", "SECURITY.md", "CONTRIBUTING.md",
                                  "CHANGELOG.md")] + sorted((ROOT / "docs").glob("**/*.md"))
CHART = ROOT / "deploy" / "helm" / "keda-gpu-scaler"

_FENCE = re.compile(r"^( *)```(.*)$")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_OPERATORS = re.compile(r"[|&;()<>]+")


@dataclasses.dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text without the fence's indentation, where it begins."""

    file: pathlib.Path
    line: int
    language: str
    text: str

    def __str__(self):
        return f"{self.file.relative_to(ROOT)}:{self.line}"


class _Loader(yaml.SafeLoader):
    """Refuses keys that are given twice, of which YAML's own takes the last."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=deep) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"{key} is given twice",
                                                        node.start_mark)
        return super().construct_mapping(node, deep)


def load_yaml(text):
    """Every document of it."""
    return list(yaml.load_all(text, Loader=_Loader))


def blocks(*languages):
    """All fenced blocks, or those of the languages."""
    found = []
    for file in FILES:
        language, begin, indent, lines = None, 0, "", []
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            fence = _FENCE.match(line)
            if fence and language is None:
                language, begin, indent, lines = fence[2].strip(), number, fence[1], []
            elif fence:
                found.append(Block(file, begin, language, "\n".join(lines) + "\n"))
                language = None
            elif language is not None:
                lines.append(line.removeprefix(indent))
        assert language is None, f"{file}:{begin}: the block does not end"
    return [one for one in found if not languages or one.language in languages]


def prose(file):
    """The file without its blocks."""
    kept, inside = [], False
    for line in file.read_text(encoding="utf-8").splitlines():
        if _FENCE.match(line):
            inside = not inside
        elif not inside:
            kept.append(line)
    return "\n".join(kept)


def shell_text(block):
    """What a shell is given: of a console what stands after the prompt."""
    if block.language != "console":
        return block.text
    kept, goes_on = [], False
    for line in block.text.splitlines():
        if line.startswith("$ ") or goes_on:
            kept.append(line.removeprefix("$ "))
            goes_on = line.endswith("\\")
    return "\n".join(kept) + "\n"


def commands(block):
    """Each command of a shell's block as its words, without assignments before it."""
    text = re.sub(r"<<'?(\w+)'?.*?\n.*?^\1$", "", shell_text(block), flags=re.DOTALL | re.MULTILINE)
    found = []
    for line in text.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words = []
        for word in [*lexer, ";"]:
            if not _OPERATORS.fullmatch(word):
                words.append(word)
                continue
            while words and re.match(r"\w+=", words[0]):
                words.pop(0)
            if words:
                found.append(words)
            words = []
    return found


def table(file, first):
    """The rows of the first table whose first column is called `first`."""
    rows = []
    for line in prose(file).splitlines():
        if not line.startswith("|"):
            if rows:
                break
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if rows or cells[0] == first:
            rows.append(cells)
    return rows[2:]


def triggers_metadata(value):
    """Every `metadata` of a trigger for this scaler in a YAML document."""
    if isinstance(value, dict):
        metadata = value.get("metadata")
        if isinstance(metadata, dict) and "scalerAddress" in metadata:
            yield metadata
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from triggers_metadata(one)


def kubernetes_objects():
    """(block, object) of everything that could be applied to a cluster."""
    return [(block, document) for block in blocks("yaml") for document in load_yaml(block.text)
            if isinstance(document, dict) and {"apiVersion", "kind"} <= document.keys()]


def links(file):
    """The links of a file that lead to others of this tree: (path, anchor)."""
    for target in _LINK.findall(prose(file)):
        if not re.match(r"[a-z]+:", target):
            path, _, anchor = target.partition("#")
            yield (file.parent / path).resolve() if path else file, anchor


def anchors(file):
    """What an anchor may name in the file, as GitHub makes it of headings."""
    found = set()
    for title in re.findall(r"^#+ (.*)$", prose(file), re.MULTILINE):
        text = re.sub(r"[^\w\- ]", "", _LINK.sub("", title).replace("`", "").lower())
        found.add(text.strip().replace(" ", "-"))
    return found
