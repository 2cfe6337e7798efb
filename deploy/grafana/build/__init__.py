"""Grafana's dashboards and alert rules as code: `python -m deploy.grafana.build` writes the files that Grafana reads.

Nothing here is part of the running site. Figures come from the database's schema `reports` and from Prometheus; what
stands here chooses and draws.
"""
