"""Data beside a page, which it loads when it needs them: `details/<hash>.js`.

A page on disk may not fetch, but it may add a script: each file is one call, `axonDetails(hash, data)`, whose data is
compressed JSON in base64, so that nothing in it can be markup or code. The hash is of what the file is made of: a page
finds exactly its own, and what is there already need not be made again.
"""

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Collection
from hashlib import blake2b
from pathlib import Path
from typing import Any
from uuid import uuid4
from zlib import compress, decompress
from zlib import error as zlib_error

from pipeline.storage.leftovers import remove_leftovers

FOLDER = "details"
# The page's script-src holds it: no policy can name a folder of a file:// page, and 'self' allows nothing that lies
# elsewhere. Headless Chromium loads details/X.js beside a page on disk under it.
SOURCE = "'self'"
VERSION = 1  # of what the files hold
FAST = 1  # zlib's level: a sixth larger than the default, three times as fast
TEMPORARY = ".{name}.{own}"  # a file's while it is written
NAME = re.compile(r"[0-9a-f]{16}\.js")
CALL = re.compile(r'axonDetails\("[0-9a-f]{16}","([\w+/=]*)"\)\s*')


def named(*content: Any) -> str:
    """A name, safe as a file's, for what is made of `content`, which is plain data."""
    return blake2b(json.dumps([VERSION, *content]).encode(), digest_size=8).hexdigest()


def write(folder: Path, name: str, value: Any) -> None:
    """`folder` is the page's. Raises OSError if it can't be written."""
    home = folder / FOLDER
    home.mkdir(exist_ok=True)
    packed = b64encode(compress(json.dumps(value, separators=(",", ":")).encode(), FAST)).decode()
    temporary = home / TEMPORARY.format(
        name=name, own=uuid4().hex
    )  # the same report may be drawn twice at once
    temporary.write_text(f'axonDetails("{name}","{packed}")\n')
    temporary.replace(home / f"{name}.js")


def read(folder: Path, name: str) -> Any:
    """None if there is no such file, or it is broken."""
    try:
        found = CALL.fullmatch((folder / FOLDER / f"{name}.js").read_text())
        return json.loads(decompress(b64decode(found[1]))) if found else None
    except (OSError, ValueError, zlib_error):
        return None


def exists(folder: Path, name: str) -> bool:
    return (folder / FOLDER / f"{name}.js").is_file()


def keep(folder: Path, names: Collection[str]) -> None:
    """Removes the files of earlier reports, and what reports left that were killed, and nothing that isn't one."""
    remove_leftovers(folder / FOLDER, TEMPORARY.format(name="[0-9a-f]" * 16, own="[0-9a-f]" * 32))
    for file in (folder / FOLDER).glob("*.js"):
        if NAME.fullmatch(file.name) and file.stem not in names:
            file.unlink(missing_ok=True)
