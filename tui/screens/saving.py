"""Files that the server makes: saved where the operator says, or handed to the browser's user."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

from tui import files
from tui.screens.dialogs import AskPath
from tui.screens.subjects import SubjectScreen

type Pieces = AbstractAsyncContextManager[AsyncIterator[bytes]]


async def save(screen: SubjectScreen, pieces: Pieces, title: str, name: str) -> None:
    """Asks where to, then saves a new file, mode 0600; call it from a worker. Raises ApiError."""
    if screen.app.is_web:  # the disk here is the web server's
        async with pieces as coming:
            content = b"".join([piece async for piece in coming])
        screen.app.deliver_binary(io.BytesIO(content), save_filename=name)
        screen.say(f"Your browser saves {name}.")
        return
    path = await screen.app.push_screen_wait(AskPath(title, f"./{name}"))
    if path is None:
        return
    try:
        async with pieces as coming:
            target, size = await files.save_stream(coming, path)
    except FileExistsError:
        screen.say(f"{path} exists and was left as it is. Choose another name.", failed=True)
    except OSError as refused:
        screen.say(f"{path} cannot be written: {refused.strerror}.", failed=True)
    else:
        screen.say(f"Saved {size:,} bytes in {target}")
