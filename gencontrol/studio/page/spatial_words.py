"""What the tab of three dimensions says of a run."""

from gencontrol.studio.page.words import in_time, progress, said
from gencontrol.studio.spatial.desk import Told


def how_far(told: Told) -> str:
    """A run's progress, or how it ended, as the page shows it."""
    state, settings = told.run.state, told.run.job.settings
    if state.status == "waiting":
        others = f"{told.ahead} run{'' if told.ahead == 1 else 's'}"
        return said(f"Waiting for its turn: {others} before it.")
    if state.status == "running":
        if told.step is None:
            return said("Opening the encoder ...")
        done = min(told.step + 1, settings.steps)
        return progress({"call": 1, "calls": 1, "step": done, "steps": settings.steps}, told.seconds)
    if state.status == "done":
        took = in_time(state.changed - told.run.job.made)
        return said(f"Done in {took}. {state.message}".strip())
    if state.status == "stopped":
        return said(f"Stopped: {state.message}" if state.message else "Stopped.")
    return said(f"That did not work: {told_elsewhere(told)}")


def told_elsewhere(told: Told) -> str:
    """A run's message without where its files lie."""
    return told.run.state.message.replace(f"{told.run.folder}/", "")


def mark_of(told: Told) -> str:
    """What of a run the page has, as a text to compare: its name, its state, and the newest preview."""
    return f"{told.run.name} {told.run.state.status} {told.step}"
