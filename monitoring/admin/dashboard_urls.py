"""What the dashboard asks for once it is there, below the admin's address."""

from django.contrib import admin
from django.urls import path

from monitoring.admin import dashboard, dashboard_alerts, dashboard_demo, dashboard_files

view = admin.site.admin_view
app_name = "dashboard"
urlpatterns = [
    path("figures/<str:part>/", view(dashboard.figures_view), name="figures"),
    path("alerts/", view(dashboard_alerts.alerts_view), name="alerts"),
    path("table/<str:key>/", view(dashboard_files.table_view), name="table"),
    path("csv/<str:key>/", view(dashboard_files.csv_view), name="csv"),
    path("demo/", view(dashboard_demo.demo_view), name="demo"),
    path("demo/start/", view(dashboard_demo.start_view), name="demo-start"),
    path("demo/remove/", view(dashboard_demo.remove_view), name="demo-remove"),
]
