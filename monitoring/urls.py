"""Pages of monitoring outside the admin."""

from django.urls import URLPattern, path

from monitoring import views

app_name = "compare"
urlpatterns: list[URLPattern] = [
    path("<int:comparison_id>/", views.pick, name="pick"),
    path("<int:comparison_id>/undo/", views.undo, name="undo"),
]
