"""Sending beside the worker's tasks: in a thread of the worker, so that a receiver that takes ten seconds holds up no
verdict. There is one such thread a process; who asks for it while it runs makes it look once more."""

import logging
import threading

from django.db import close_old_connections, connection

from monitoring.webhooks.sending import send_due

logger = logging.getLogger(__name__)

_lock = threading.Lock()
_asked = threading.Event()
_thread: threading.Thread | None = None


def send_in_background() -> threading.Thread:
    """Have what is due sent by the thread of this process, which is started unless it runs; return it."""
    global _thread
    with _lock:
        _asked.set()
        if _thread is None:
            _thread = threading.Thread(target=_send, name="webhooks", daemon=True)
            _thread.start()
        return _thread


def _send() -> None:
    global _thread
    try:
        while _is_asked():
            try:
                close_old_connections()
                send_due()
            except Exception:  # an edge: the next sweep tries again
                logger.exception("webhooks not sent")
    finally:
        connection.close()


def _is_asked() -> bool:
    """Whether somebody asked since the last look; if not, the thread ends, and the next who asks starts another."""
    global _thread
    with _lock:
        if _asked.is_set():
            _asked.clear()
            return True
        _thread = None
        return False
