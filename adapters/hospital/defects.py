"""Why a unit of a message failed: somebody else's, or a defect of ours and where."""

from pathlib import Path


class WrongPatient(Exception):
    """What is one patient's is said of another in the same message (S24)."""


def reason_of(error: BaseException) -> tuple[str, str | None]:
    """Reason of the ledger, and for a defect its file and line; nothing of the input."""
    if isinstance(error, WrongPatient):
        return "wrong-patient", None
    return "mapping-defect", _place(error)


def _place(error: BaseException) -> str:
    trace, place = error.__traceback__, "adapters"
    while trace is not None:
        path = Path(trace.tb_frame.f_code.co_filename)
        if "hospital" in path.parts:
            place = f"{path.name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place
