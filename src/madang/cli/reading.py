"""Files that users name, read as text."""

from __future__ import annotations

from typing import TextIO

from madang.errors import InvalidInput


def text_of(file: TextIO, most: int = -1) -> str:
    """What a file says, or its first ``most`` characters.

    Raises:
        InvalidInput: it is no text in UTF-8.
    """
    try:
        return file.read(most)
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{file.name} is not text in UTF-8.", hint="Is it the file that you mean?") from error
