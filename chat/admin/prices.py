"""Prices of models of one's own, in place of the published ones."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils import timezone
from unfold.contrib.filters.admin import FieldTextFilter

from chat.admin.base import PageAdmin
from chat.models import ModelPrice


class ModelPriceForm(forms.ModelForm):  # type: ignore[type-arg] # not subscriptable at run time
    class Meta:
        labels = {
            "input_usd_per_million": "Input (USD a million tokens)",
            "output_usd_per_million": "Output (USD a million tokens)",
            "cached_input_usd_per_million": "Cached input (USD a million tokens)",
        }

    def clean_model(self) -> str:
        model: str = self.cleaned_data["model"]
        provider, _, name = model.partition("/")
        if not provider or not name:
            raise ValidationError(f'"{model}" is not of the form provider/model, for example ollama/llama3.1.')
        return model


@admin.register(ModelPrice)
class ModelPriceAdmin(PageAdmin):
    """Prices are copied into each call, so a change here never changes old totals."""

    form = ModelPriceForm
    list_display = (
        "model",
        "valid_from",
        "input_usd_per_million",
        "output_usd_per_million",
        "cached_input_usd_per_million",
    )
    list_filter = (("model", FieldTextFilter),)
    search_fields = ("model",)
    ordering = ("model", "-valid_from")
    fields = (
        ("model", "valid_from"),
        ("input_usd_per_million", "output_usd_per_million", "cached_input_usd_per_million"),
    )

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {
            "valid_from": timezone.now().replace(second=0, microsecond=0),
            **super().get_changeform_initial_data(request),
        }
