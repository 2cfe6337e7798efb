"""What a scrape of /metrics says, parsed as Prometheus parses it."""

from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families


@dataclass(frozen=True)
class Scrape:
    """A text of metrics."""

    text: str

    def value(self, sample: str, **labels: str) -> float | None:
        """Return the value of the one sample of that name with these labels among its own; None where there is none."""
        found = [
            one.value
            for family in text_string_to_metric_families(self.text)
            for one in family.samples
            if one.name == sample and labels.items() <= one.labels.items()
        ]
        assert len(found) <= 1, f"{sample}{labels} is not one sample but {len(found)}"
        return found[0] if found else None

    def values(self, sample: str, label: str, **labels: str) -> dict[str, float]:
        """Return the values of the samples of that name with these labels, by another label."""
        return {
            one.labels[label]: one.value
            for family in text_string_to_metric_families(self.text)
            for one in family.samples
            if one.name == sample and labels.items() <= one.labels.items()
        }

    @property
    def types(self) -> dict[str, str]:
        """The type of each metric, by the name that the text gives it."""
        lines = (line.split() for line in self.text.splitlines() if line.startswith("# TYPE "))
        return {name: kind for _, _, name, kind in lines}

    @property
    def series(self) -> int:
        """How many time series there are."""
        return sum(not line.startswith("#") for line in self.text.splitlines())
