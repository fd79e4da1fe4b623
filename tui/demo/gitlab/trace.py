"""A job's log, as bytes: what the runner wrote until now. What comes later is only ever added at the end."""

from __future__ import annotations

from tui.demo.clock import SECOND, rfc3339
from tui.demo.entities import Deployment
from tui.demo.gitlab.render import RUNNER
from tui.demo.gitlab.states import deployment_status, finished_at, started_at

_GREEN, _RED, _CYAN, _PLAIN = "\x1b[32;1m", "\x1b[31;1m", "\x1b[36;1m", "\x1b[0;m"
_CLEAR = "\x1b[0K"
_SECTION = "step_script"


class _Log:
    """Lines with their stamps, or without them."""

    def __init__(self, stamped: bool) -> None:
        self._stamped = stamped
        self._parts: list[str] = []

    def runner(self, at: int, text: str, *, glued: bool = False) -> None:
        self._line(at, "00O", text, glued)

    def script(self, at: int, text: str, *, error: bool = False) -> None:
        self._line(at, "01E" if error else "01O", text, False)

    def section(self, at: int, mark: str, header: str) -> None:
        """The mark and its header are one line; a stamp breaks it in two."""
        if self._stamped:
            self.runner(at, mark)
            self.runner(at, header, glued=True)
        else:
            self._parts.append(f"{mark}{header}\n")

    def _line(self, at: int, stream: str, text: str, glued: bool) -> None:
        stamp = f"{_micro(at)} {stream}{'+' if glued else ' '}" if self._stamped else ""
        self._parts.append(f"{stamp}{text}\n")

    def bytes(self) -> bytes:
        return "".join(self._parts).encode()


def trace(one: Deployment, stage: str, now: int, *, stamped: bool) -> bytes:
    """Empty while the job has not begun."""
    log = _Log(stamped)
    if stage != "deploy":
        _opening(log, one.created_at, stage)
        log.script(one.created_at, f"{stage}: nothing to do, cached for {one.commit.sha[:8]}")
        _ending(log, one.created_at, "success")
        return log.bytes()
    began = started_at(one)
    if began is None or one.external:
        return b""
    _opening(log, began, "deploy")
    for line in one.build_lines(now):
        for text in line.text.split("\n"):
            log.script(max(line.at, began), text, error=line.level == "error")
    ended = finished_at(one)
    if ended is not None and not one.word and ended <= now:
        _ending(log, ended, deployment_status(one))
    return log.bytes()


def _opening(log: _Log, at: int, stage: str) -> None:
    log.runner(at, f"{_CLEAR}Running with {RUNNER}{_PLAIN}")
    log.runner(at, f"{_CLEAR}  on shared-1 Zx9fQ2, system ID: s_4f1b8c02d7aa{_PLAIN}")
    log.section(
        at, f"section_start:{at // SECOND}:prepare_executor\r{_CLEAR}", f"{_CYAN}Preparing the docker executor{_PLAIN}"
    )
    log.section(at, f"section_end:{at // SECOND}:prepare_executor\r{_CLEAR}", "")
    log.section(
        at,
        f"section_start:{at // SECOND}:{_SECTION}[collapsed=false]\r{_CLEAR}",
        f'{_CYAN}Executing "{_SECTION}" stage of the job script{_PLAIN}',
    )
    log.script(at, f"{_GREEN}$ make {stage}{_PLAIN}")


def _ending(log: _Log, at: int, status: str) -> None:
    verdict = {
        "success": f"{_GREEN}Job succeeded{_PLAIN}",
        "canceled": f"{_RED}ERROR: Job failed: canceled{_PLAIN}",
    }.get(status, f"{_RED}ERROR: Job failed: exit code 1{_PLAIN}")
    log.section(at, f"section_end:{at // SECOND}:{_SECTION}\r{_CLEAR}", "")
    log.runner(at, verdict)


def _micro(at: int) -> str:
    head, _, fraction = rfc3339(at).removesuffix("Z").partition(".")
    return f"{head}.{fraction[:6]:0<6}Z"
