"""Texts can be read on what is behind them, light and dark: a contrast of 4.5 at least (WCAG 2.2, 1.4.3), and of 3 for
the outlines of what one operates (1.4.11)."""

import re

import pytest

from tests.conftest import ROOT

STYLES = ROOT / "static" / "ragsite"
PAIR = re.compile(r"light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)")
SCHEMES = ("light", "dark")
BACKGROUNDS = ("canvas", "surface", "raised", "tint")
TEXTS = [
    *((text, behind) for text in ("text", "muted", "accent", "bad") for behind in BACKGROUNDS),
    *((text, "highlight") for text in ("text", "muted", "accent")),
    *((text, "accent-tint") for text in ("text", "accent")),
    *((text, "bad-tint") for text in ("text", "bad")),
    ("on-accent", "accent"),
    ("on-accent", "accent-strong"),
    ("canvas", "bad"),  # a button that deletes
]
OUTLINES = [(line, behind) for line in ("line-strong", "accent") for behind in BACKGROUNDS]


def tokens(scheme: str) -> dict[str, str]:
    """Return the colours of site.css by name, such as "text": "#17201e"."""
    found = re.findall(r"--([a-z-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);", (STYLES / "site.css").read_text())
    return {name: pair[SCHEMES.index(scheme)] for name, *pair in found}


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, 1 to 21 (WCAG 2.2, "contrast ratio")."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    """Return the relative luminance of "#rrggbb", 0 to 1."""
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_contrast_is_measured_as_the_standard_says():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(("text", "behind"), TEXTS)
def test_texts_can_be_read(scheme, text, behind):
    colours = tokens(scheme)

    assert contrast(colours[text], colours[behind]) >= 4.5


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(("line", "behind"), OUTLINES)
def test_outlines_can_be_seen(scheme, line, behind):
    colours = tokens(scheme)

    assert contrast(colours[line], colours[behind]) >= 3


@pytest.mark.parametrize("scheme", SCHEMES)
def test_code_can_be_read(scheme):
    background, *colours = [pair[SCHEMES.index(scheme)] for pair in PAIR.findall((STYLES / "code.css").read_text())]

    assert len(colours) > 8
    assert [colour for colour in colours if contrast(colour, background) < 4.5] == []
