class Refused(Exception):
    """A sentence for the user: what is wrong and what to do about it."""

    def __init__(self, message, code="conversion_failed"):
        super().__init__(message)
        self.code = code


def first_line(error, characters=300):
    """What an exception of a library says, short enough for a report."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = lines[0] if lines else type(error).__name__
    return text if len(text) <= characters else f"{text[:characters]}…"
