"""How full the site is: answers on their way, what waits for the worker and for judges, connections, disk."""
