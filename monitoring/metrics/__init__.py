"""What /metrics says of the whole site, read from the database when it is asked for.

So it is right with any number of web and worker processes, which each know only what they did themselves, and after a
restart. docs/metrics.md lists all of it; what a process counts of its own requests is django-prometheus's.
"""

from monitoring.metrics.collecting import COLLECTORS, SiteCollector

__all__ = ["COLLECTORS", "SiteCollector"]
