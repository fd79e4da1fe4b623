"""The one line at the bottom that asks for something: words to search, a filter, a time, a note."""

from __future__ import annotations

from collections.abc import Callable

from textual.binding import Binding
from textual.widgets import Input

Typed = Callable[[str], None]
Done = Callable[[str | None], None]


class Prompt(Input):
    """Hidden until it is asked. `typed` hears every letter, `done` the answer, or None when it was left by escape.

    Up and down bring back earlier answers to the same question.
    """

    BINDINGS = [  # noqa: RUF012 - Textual declares it so
        Binding("up", "earlier(1)", show=False),
        Binding("down", "earlier(-1)", show=False),
        Binding("escape", "leave", show=False),
    ]

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, compact=True)
        self.display = False
        self._typed: Typed = lambda _: None
        self._done: Done = lambda _: None
        self._earlier: dict[str, list[str]] = {}
        self._question = ""
        self._back = 0

    def ask(self, question: str, done: Done, *, typed: Typed = lambda _: None, value: str = "") -> None:
        """Takes the focus at once: the keys typed ahead are its own."""
        self._question, self._typed, self._done, self._back = question, typed, done, 0
        self.placeholder = question
        with self.prevent(Input.Changed):
            self.value = value
        self.cursor_position = len(value)
        self.display = True
        self.screen.set_focus(self)

    def complain(self, problem: str) -> None:
        """Marks what is typed as wrong while it is; the answer tells why."""
        self.set_class(bool(problem), "-wrong")

    @property
    def asking(self) -> bool:
        return bool(self.display)

    def _end(self, answer: str | None) -> None:
        if not self.asking:  # enter arrived twice
            return
        self.display = False
        self.complain("")
        if answer:
            earlier = self._earlier.setdefault(self._question, [])
            if answer in earlier:
                earlier.remove(answer)
            earlier.insert(0, answer)
        self._done(answer)

    def action_leave(self) -> None:
        self._end(None)

    def on_blur(self) -> None:
        """Leave when the focus moved to another widget; a terminal that lost its own focus leaves nothing."""
        if self.screen.focused not in (None, self):
            self._end(None)

    def action_earlier(self, step: int) -> None:
        earlier = self._earlier.get(self._question, [])
        self._back = max(0, min(self._back + step, len(earlier)))
        self.value = earlier[self._back - 1] if self._back else ""
        self.cursor_position = len(self.value)

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        if self.asking:
            self._typed(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._end(event.value)
