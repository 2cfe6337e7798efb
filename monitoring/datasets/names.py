"""Datasets: making one, saying what it is for, deleting it."""

import re

from django.db.models import ProtectedError

from monitoring.datasets.splits import Ratios
from monitoring.exceptions import DatasetError
from monitoring.models import Dataset

_NAME = re.compile(r"[\w-]{1,60}", re.ASCII)


def create_dataset(*, name: str, description: str = "", ratios: Ratios | None = None) -> Dataset:
    """Make an empty dataset. Raises DatasetError for a name that is taken or cannot be one."""
    check_name(name)
    ratios = ratios or Ratios()
    check_ratios(ratios)
    dataset, created = Dataset.objects.get_or_create(
        name=name,
        defaults={"salt": name, "description": description, "dev_ratio": ratios.dev, "test_ratio": ratios.test},
    )
    if not created:
        raise DatasetError(f'There is a dataset "{name}" already.')
    return dataset


def describe_dataset(*, dataset: Dataset, description: str) -> None:
    """Say what a dataset is for. Its items are not touched, so this makes no version."""
    dataset.description = " ".join(description.replace("\0", "").split())[:300]
    dataset.save(update_fields=["description"])


def delete_dataset(*, dataset: Dataset) -> None:
    """Delete a dataset with all its versions. Raises DatasetError for one that was evaluated: its runs would say
    nothing."""
    try:
        dataset.delete()
    except ProtectedError as error:
        raise DatasetError("It was evaluated: delete its evaluation runs first.") from error


def check_name(name: str) -> None:
    """Raise DatasetError for what cannot name a dataset."""
    if not _NAME.fullmatch(name):
        raise DatasetError(
            f'"{name}" cannot name a dataset: use 1 to 60 of the letters a to z, digits, hyphen and underscore.'
        )


def check_ratios(ratios: Ratios) -> None:
    """Raise DatasetError for shares that are none."""
    if min(ratios.dev, ratios.test) < 0 or ratios.dev + ratios.test > 1 + 1e-9:
        raise DatasetError("The shares of dev, test and calibration are 0 or more and add up to 1, as 0.3,0.5,0.2.")


def find_dataset(name: str) -> Dataset:
    """Return the dataset of that name. Raises DatasetError that lists those there are."""
    dataset = Dataset.objects.filter(name=name).first()
    if dataset is None:
        known = ", ".join(Dataset.objects.values_list("name", flat=True)) or "none; manage.py import_dataset makes one"
        raise DatasetError(f'There is no dataset "{name}"; known: {known}.')
    return dataset
