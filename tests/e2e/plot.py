# SPDX-License-Identifier: Apache-2.0
"""A replica curve as an SVG drawing: replicas above, load and answer below, over one time axis."""

import html

_WIDTH, _HEIGHT = 820, 430
_LEFT, _RIGHT = 56, 806
_PANELS = {"replicas": (64, 232), "load": (268, 392)}
_SPEC, _READY, _LOAD, _SENT = "#1f5fbf", "#2e9e5b", "#9aa0a6", "#d9730d"
# So far apart are texts that can be read.
_LINE = 13
_STYLE = 'font-family="sans-serif" font-size="12"'


def svg(curve, unit="GPU-percent"):
    """`unit` is that of the load."""
    points = curve.points
    end = max([point["time"] for point in points], default=1) or 1
    drawing = _Drawing(end)
    drawing.text(_LEFT, 18, curve.name.replace("_", " "), "start", weight="bold")
    drawing.legend(_LEFT, 40, (("wanted replicas (spec)", _SPEC), ("Ready pods", _READY),
                               ("offered load", _LOAD), ("number behind the HPA's metric", _SENT)))
    drawing.panel("replicas", "replicas", [[point[key] for point in points] for key in ("spec", "ready")])
    drawing.steps("replicas", points, "ready", _READY)
    drawing.steps("replicas", points, "spec", _SPEC)
    drawing.panel("load", unit, [[point[key] or 0 for point in points] for key in ("load", "sent")])
    drawing.steps("load", points, "load", _LOAD)
    drawing.steps("load", points, "sent", _SENT)
    drawing.times()
    drawing.notes(curve.notes)
    return drawing.finish()


def _round_step(span, steps):
    """A step of 1, 2 or 5 times a power of ten that divides `span` into about `steps`."""
    step = 1
    while span / step > steps:
        step = step * 5 // 2 if str(step)[0] == "2" else step * 2
    return step


class _Drawing:
    def __init__(self, end):
        self._end = end
        self._tops = {}
        self._lines = [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" '
            f'viewBox="0 0 {_WIDTH} {_HEIGHT}" {_STYLE}>',
            f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>']

    def finish(self):
        return "\n".join([*self._lines, "</svg>", ""])

    def text(self, x, y, text, anchor, color="#202124", weight="normal"):
        self._lines.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{color}" '
                           f'font-weight="{weight}">{html.escape(text)}</text>')

    def line(self, x1, y1, x2, y2, color, dashes=""):
        self._lines.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
                           f'stroke="{color}"' + (f' stroke-dasharray="{dashes}"' if dashes else "")
                           + "/>")

    def legend(self, x, y, entries):
        for text, color in entries:
            self._lines.append(f'<rect x="{x:.1f}" y="{y - 6}" width="14" height="4" '
                               f'fill="{color}"/>')
            self.text(x + 20, y, text, "start")
            x += 44 + 6.4 * len(text)

    def panel(self, name, title, series):
        """Frame, grid and numbers of a panel that holds all of these values."""
        top, bottom = _PANELS[name]
        most = max([value for values in series for value in values], default=0) or 1
        step = _round_step(most, 5)
        self._tops[name] = most = -(-most // step) * step
        for mark in range(0, int(most) + 1, step):
            y = self._y(name, mark)
            self.line(_LEFT, y, _RIGHT, y, "#e3e5e8")
            self.text(_LEFT - 8, y + 4, str(mark), "end")
        self.text(_LEFT, top - 6, title, "start", "#5f6368")
        self.line(_LEFT, bottom, _RIGHT, bottom, "#5f6368")

    def steps(self, name, points, key, color):
        """A line that keeps each value until the next; a gap where there is none."""
        path, last = [], None
        for point in points:
            value = point[key]
            if value == last:
                continue
            x = self._x(point["time"])
            if last is not None:
                path.append(f"H{x:.1f}")
            if value is not None:
                y = self._y(name, value)
                path.append(f"M{x:.1f} {y:.1f}" if last is None else f"V{y:.1f}")
            last = value
        if last is not None:
            path.append(f"H{_RIGHT}")
        self._lines.append(f'<path d="{" ".join(path)}" fill="none" stroke="{color}" '
                           'stroke-width="2"/>')

    def times(self):
        for mark in range(0, int(self._end) + 1, _round_step(self._end, 10)):
            x = self._x(mark)
            self.line(x, 392, x, 396, "#5f6368")
            self.text(x, 410, f"{mark} s", "middle")

    def notes(self, notes):
        """Upright lines through both panels, with their texts at the foot of the upper one; those
        that stand too close share one."""
        merged = []
        for at, text in notes:
            if merged and self._x(at) - self._x(merged[-1][0]) < _LINE:
                merged[-1] = (merged[-1][0], f"{merged[-1][1]}, {text}")
            else:
                merged.append((at, text))
        for at, text in merged:
            x = self._x(at)
            self.line(x, _PANELS["replicas"][0], x, _PANELS["load"][1], "#b0413e", "3 3")
            self._lines.append(
                f'<text transform="translate({x - 4:.1f} {_PANELS["replicas"][1] - 6}) rotate(-90)" '
                f'fill="#b0413e" font-size="11">{html.escape(text)}</text>')

    def _x(self, time):
        return _LEFT + (_RIGHT - _LEFT) * time / self._end

    def _y(self, name, value):
        top, bottom = _PANELS[name]
        return bottom - (bottom - top) * value / self._tops[name]
