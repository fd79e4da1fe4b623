"""Every action with its keys, once. Bindings, help, palette, footer and `deckwatch keys` are made from this table.

Lower case looks, upper case and the `a` menu ask, only a confirmed sheet acts. Never bound: ctrl+b (tmux), ctrl+a
(screen), alt+digit, ctrl+h/i/m (backspace, tab, enter).
"""

from __future__ import annotations

from msgspec import Struct

from tui.model.action import Verb


class Action(Struct, frozen=True):
    """`id` is the screen's `action_...` method with its arguments; `label` is unique. `footer`: its place in the line
    of keys, from the left; 0 keeps it out."""

    id: str
    keys: tuple[str, ...]
    label: str
    help: str
    group: str
    verb: Verb | None = None
    footer: int = 0

    @property
    def name(self) -> str:
        """What the [keys] table of the configuration calls it: 'page-down'."""
        return self.label.replace(" ", "-")

    @property
    def bound(self) -> str:
        """As a Binding wants them."""
        return ",".join("comma" if key == "," else key for key in self.keys)


def _verb(verb: Verb, keys: tuple[str, ...], label: str, help_: str, *, footer: int = 0) -> Action:
    return Action(f"act('{verb}')", keys, label, help_, "act", verb, footer)


ACTIONS: tuple[Action, ...] = (
    Action("move(1)", ("j", "down"), "down", "next row or line", "move"),
    Action("move(-1)", ("k", "up"), "up", "previous row or line", "move"),
    Action("sideways(-1)", ("h", "left"), "left", "pane to the left; in the log: scroll left", "move"),
    Action("sideways(1)", ("l", "right"), "right", "pane to the right; in the log: scroll right", "move"),
    Action("page(1)", ("space", "pagedown"), "page down", "one page on", "move"),
    Action("page(-1)", ("pageup",), "page up", "one page back", "move"),
    Action("half_page(1)", ("d", "ctrl+d"), "half page down", "half a page on", "move"),
    Action("half_page(-1)", ("u", "ctrl+u"), "half page up", "half a page back", "move"),
    Action("first", ("g", "home"), "first", "first row or oldest line", "move"),
    Action("last", ("G", "end"), "last", "last row; in the log: newest line, and follow", "move"),
    Action("next_pane(1)", ("tab",), "next pane", "focus the next pane", "panes", footer=2),
    Action("next_pane(-1)", ("shift+tab",), "previous pane", "focus the previous pane", "panes"),
    Action("pane(1)", ("1",), "services", "focus the services", "panes"),
    Action("pane(2)", ("2",), "timeline", "focus the timeline", "panes"),
    Action("pane(3)", ("3",), "logs", "focus the logs", "panes"),
    Action("lanes", ("4",), "everything", "the timeline of everything: a lane a service, over all platforms", "panes",
           footer=4),
    Action("log_tab(-1)", ("[", ","), "tab left", "log tab to the left: build, runtime, HTTP", "panes"),
    Action("log_tab(1)", ("]", "."), "log tab", "log tab to the right: build, runtime, HTTP", "panes", footer=8),
    Action("zoom", ("z", "+"), "zoom", "give the focused pane the whole screen, and back", "panes"),
    Action("drill", ("enter",), "open", "open what is selected", "panes", footer=3),
    Action("back", ("escape",), "back", "one level back", "panes"),
    Action("back_or_quit", ("q",), "back or quit", "one level back; at the top it asks whether to quit", "panes"),
    Action("next_bad(1)", ("e",), "next error", "next alert, the worst first; in the log: next error line", "find"),
    Action("next_bad(-1)", ("E",), "previous error", "previous alert or error line", "find"),
    Action("acknowledge", ("!",), "acknowledge", "acknowledge the alert of this service, else the first at the top",
           "find"),
    Action("boundary(1)", ("}", "alt+down"), "next deployment", "in the log: next deployment boundary", "find"),
    Action("boundary(-1)", ("{", "alt+up"), "previous deployment", "in the log: previous boundary", "find"),
    Action("search", ("/",), "search", "search the log or the services; nothing is hidden", "find", footer=5),
    Action("next_match(1)", ("n",), "next match", "next match", "find"),
    Action("next_match(-1)", ("N",), "previous match", "previous match", "find"),
    Action("filter", ("&", "F"), "filter", "show only the lines that a filter keeps; an empty one ends it", "find",
           footer=6),
    Action("context", ("v",), "in context", "show a filtered line among all the others, and back", "find"),
    Action("go_to_time", ("@",), "go to time", "every pane to a time, 02:40 or -35m; what changed before it anywhere",
           "find", footer=10),
    Action("same_instant", ("=",), "same instant", "in this log, to where the log before was held", "find"),
    Action("mark", ("m",), "mark", "in the log: mark a line; in the services: read several logs as one", "find"),
    Action("mark_more", ("M",), "mark more", "in the log: mark with a note; in the services: all that changed lately",
           "find"),
    Action("next_mark", ("'",), "next mark", "next marked line", "find"),
    Action("follow", ("f",), "follow", "follow the log's end; back to now", "log"),
    Action("pause", ("p",), "pause", "hold the log where it is; new lines are counted", "log"),
    Action("wrap", ("w",), "wrap", "wrap long lines, or scroll them sideways", "log"),
    Action("volume", ("i",), "volume", "how much was logged when, errors and warnings told apart", "log"),
    Action("digest", ("r",), "patterns", "the log's patterns, new ones first; of requests the routes", "log",
           footer=9),
    Action("completeness", ("%",), "completeness", "whether these lines are all: gaps, drops, cuts, lag, the clocks",
           "log"),
    Action("raw", ("x",), "raw", "structured lines as they came, or as message and fields", "log"),
    Action("timestamps", ("t",), "times", "times local, UTC, relative, since the deployment, off", "log"),
    Action("copy", ("y", "c"), "copy", "copy the selected lines or row", "take away"),
    Action("copy_match", ("Y",), "copy match", "copy what the search found in this line, or its text", "take away"),
    Action("select", ("V",), "select", "select lines of the log", "take away"),
    Action("save", ("s",), "save", "save what is shown of the log to a file", "take away"),
    Action("pager", ("|",), "pager", "open what is shown of the log in $PAGER", "take away"),
    Action("open_url", ("o",), "address", "copy the address of what is selected", "take away"),
    Action("actions", ("a",), "actions", "all actions on this service, with the reason where one is not possible",
           "act", footer=7),
    _verb(Verb.REDEPLOY, ("R",), "redeploy", "deploy the same revision again", footer=11),
    _verb(Verb.RESTART, ("T",), "restart", "restart what runs, without a build", footer=12),
    _verb(Verb.STOP, ("S",), "stop", "stop what runs", footer=13),
    _verb(Verb.ROLLBACK, ("B",), "rollback", "go back to an earlier deployment; asks which", footer=14),
    _verb(Verb.REMOVE, ("delete",), "remove", "remove a deployment"),
    Action("cancel_rollout", ("C",), "cancel", "cancel what an action made, or the rollout under way", "act"),
    Action("undo", ("U",), "undo", "take back what was done last here, where there is a way back", "act"),
    Action("act_marked", ("*",), "act on marked", "all actions on the marked services, in one question", "act"),
    Action("audit", ("A",), "audit", "what was done from here, and what became of it", "look"),
    Action("handover", ("H",), "hand-over", "write the last hours to a file, for the next shift", "look"),
    Action("refresh_now", ("ctrl+r", "f5"), "refresh", "ask the platforms now", "look"),
    Action("app.command_palette", (":", "ctrl+p"), "palette", "every action by name", "look"),
    Action("help", ("?", "f1"), "help", "keys, and why an action is not possible here", "look", footer=1),
    Action("app.suspend_process", ("ctrl+z",), "shell", "to the shell; fg comes back", "look"),
    Action("quit_twice", ("ctrl+c", "ctrl+q"), "quit", "quit, when pressed twice within two seconds", "look"),
)  # fmt: skip

MENU_KEYS: dict[Verb, str] = {
    Verb.DEPLOY: "d",
    Verb.REDEPLOY: "r",
    Verb.RESTART: "t",
    Verb.STOP: "s",
    Verb.START: "g",
    Verb.ROLLBACK: "b",
    Verb.CANCEL: "c",
    Verb.APPROVE: "y",
    Verb.REJECT: "n",
    Verb.REMOVE: "x",
    Verb.RECORD: "e",
    Verb.SET_STATUS: "u",
}
"""The second stroke, within the `a` menu. Each opens the confirmation, none acts."""
