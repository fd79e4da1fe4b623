"""The keys of the timeline of everything, once: its bindings, its footer and its help are made from this table.

What is called as on the board is the same thing there, and goes with it when the configuration gives it other keys.
"""

from __future__ import annotations

from rich.text import Text

from tui.keys import ACTIONS, Action
from tui.screens.help import key_names
from tui.screens.sheet import ReadSheet
from tui.widgets.lane_cells import AHEAD, LETTERS, MANY, Part

LANE_ACTIONS: tuple[Action, ...] = (
    Action("sideways(-1)", ("h", "left"), "left", "the cursor one column earlier", "time"),
    Action("sideways(1)", ("l", "right"), "right", "the cursor one column later", "time"),
    Action("zoom(-1)", ("+", "="), "zoom in", "a shorter stretch of time around the cursor, down to 15 minutes", "time",
           footer=2),
    Action("zoom(1)", ("-", "_"), "zoom out", "a longer one, up to 30 days", "time", footer=3),
    Action("pan(-1)", ("<", ",", "shift+left"), "earlier", "most of a window back", "time"),
    Action("pan(1)", (">", ".", "shift+right"), "later", "most of a window on", "time"),
    Action("oldest", ("g", "home"), "first", "to the oldest deployment that was read", "time"),
    Action("now", ("G", "end"), "last", "to now; the cursor stays there", "time"),
    Action("go_to_time", ("@",), "go to time", "to a time, 02:40 or -35m", "time", footer=5),
    Action("jump(-1)", ("{", "alt+up"), "previous deployment", "the deployment before the cursor in this lane", "find"),
    Action("jump(1)", ("}", "alt+down"), "next deployment", "the one after it in this lane", "find", footer=4),
    Action("jump_any(-1)", ("[",), "before anywhere", "the deployment before the cursor in any lane", "find"),
    Action("jump_any(1)", ("]",), "anywhere", "the one after it in any lane", "find", footer=9),
    Action("jump_bad(-1)", ("E",), "previous error", "the failed deployment before the cursor in any lane", "find"),
    Action("jump_bad(1)", ("e",), "next error", "the failed one after it in any lane", "find"),
    Action("search", ("/",), "lanes", "only lanes that have these words in their path; none shows all", "find",
           footer=7),
    Action("changed", ("w", "&"), "changed", "only lanes where something happened in this window", "find", footer=8),
    Action("move(1)", ("j", "down"), "down", "next lane", "lanes"),
    Action("move(-1)", ("k", "up"), "up", "previous lane", "lanes"),
    Action("page(1)", ("space", "pagedown"), "page down", "one page of lanes on", "lanes"),
    Action("page(-1)", ("pageup",), "page up", "one page of lanes back", "lanes"),
    Action("page(0.5)", ("d", "ctrl+d"), "half page down", "half a page on", "lanes"),
    Action("page(-0.5)", ("u", "ctrl+u"), "half page up", "half a page back", "lanes"),
    Action("drill", ("enter",), "open", "the page of the deployment at the cursor, or of the nearest", "look",
           footer=6),
    Action("show", ("o",), "on the board", "back, with it selected and its log at the cursor's time", "look",
           footer=10),
    Action("pane(1)", ("1",), "services", "back, to the services", "look"),
    Action("pane(2)", ("2",), "timeline", "back, to the timeline", "look"),
    Action("pane(3)", ("3",), "logs", "back, to the logs", "look"),
    Action("refresh_now", ("ctrl+r", "f5"), "refresh", "ask the platforms now", "look"),
    Action("help", ("?", "f1"), "help", "these keys", "look", footer=1),
    Action("back", ("escape", "q", "4"), "back", "a filter's end; else back to the board", "look"),
)  # fmt: skip

SHARED = {action.name for action in ACTIONS}

_GROUPS = {"time": "Time", "find": "Find", "lanes": "Lanes", "look": "Look"}
_SIGNS = (
    (f"{Part.QUEUE}{Part.BUILD}{Part.DEPLOY}", "waiting, building, deploying; by the deployment's steps where known"),
    (f"{Part.RUN}", "under way, building and deploying not told apart"),
    ("●", "at the end of a bar: what it came to, with the signs of the board; of one under way, what it does now"),
    (f"2 … 9 {MANY}", "so many deployments ended in this column, in the colour of the worst; reversed: one failed"),
    (f"{Part.UNREAD}", "not read (yet): nobody knows what happened there"),
    (f"{AHEAD}", "later than now, by its platform's clock: it stands at now"),
    ("!", "before a name: its past, or a row of it, could not be read"),
    ("+2 undated", "behind a name: deployments of which the platform tells no time"),
)


class LaneHelp(ReadSheet):
    def heading(self) -> str:
        return "Keys of the timeline of everything"

    def text(self) -> Text:
        text = Text()
        for group, name in _GROUPS.items():
            text.append(f"{name}\n", "bold")
            for action in LANE_ACTIONS:
                if action.group == group:
                    text.append(f"  {key_names(action):<16}", "bold")
                    text.append(f"{action.help}\n")
            text.append("\n")
        text.append("Signs\n", "bold")
        for sign, meaning in _SIGNS:
            text.append(f"  {sign:<12}", "bold")
            text.append(f"{meaning}\n")
        letters = " · ".join(f"{letter} {verb}" for verb, letter in LETTERS.items())
        text.append("\nDone from here\n", "bold")
        text.append(f"  {letters}\n")
        return text
