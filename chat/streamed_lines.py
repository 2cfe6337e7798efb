"""Replies that are long: made line by line, and never whole in memory.

Django sends what an ordinary iterator makes only when all of it was made and kept in memory, where the server is
asynchronous, as ours is. Here the lines go to a temporary file as fast as they are made, and from there to the client
as fast as it reads: a client that is slow holds no database connection.
"""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from tempfile import SpooledTemporaryFile

from django.db import connections
from django.http import StreamingHttpResponse

# Beside \n and \r, which JSON has escaped in texts: what Python's splitlines, and so many a client, ends a line at too.
LINE_ENDS = {ord(end): f"\\u{ord(end):04x}" for end in "\x85\u2028\u2029"}
IN_MEMORY_BYTES = 1_000_000
CHUNK_BYTES = 65_536
# Each makes lines with a connection of the pool; those that are asked for meanwhile wait in line.
_executor = ThreadPoolExecutor(max_workers=2, thread_name_prefix="lines")


def on_one_line(json_text: str) -> str:
    """Return the same JSON without what a reader of lines could take for the end of one."""
    return json_text.translate(LINE_ENDS)


class LinesResponse(StreamingHttpResponse):
    """A StreamingHttpResponse of an ordinary iterator of lines."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with SpooledTemporaryFile(IN_MEMORY_BYTES) as file:
            await asyncio.get_running_loop().run_in_executor(_executor, self._write, file)
            file.seek(0)
            while chunk := file.read(CHUNK_BYTES):
                yield chunk

    def _write(self, file: "SpooledTemporaryFile[bytes]") -> None:
        try:
            for line in self:
                file.write(line)
        finally:
            connections.close_all()
