"""Prices by the bundled data of genai-prices, and overrides. Expected prices are written out; a release of the package
that changes one of these old models' prices would be news."""

from datetime import UTC, datetime
from decimal import Decimal

import genai_prices
import pytest

from chat.rag.config import Price, Usage
from chat.rag.prices import PriceOverride, cost_usd, price_for

AT = datetime(2026, 11, 1, tzinfo=UTC)
UNKNOWN = Price(None, None, None)


def make_override(model: str, day: int, input_price: str, output_price: str) -> PriceOverride:
    return PriceOverride(model, datetime(2026, 10, day, tzinfo=UTC), Decimal(input_price), Decimal(output_price))


def test_published_price_of_a_known_model():
    price = price_for("openai", "gpt-4o-mini", at=AT)

    assert price == Price(Decimal("0.15"), Decimal("0.6"), Decimal("0.075"))


def test_unknown_model_and_unknown_provider_have_no_price():
    assert price_for("openai", "gpt-unheard-of", at=AT) == UNKNOWN
    assert price_for("vllm", "gpt-4o-mini", at=AT) == UNKNOWN


@pytest.mark.parametrize("provider", ["my-openai", "openai-compatible", "OpenAI"])
def test_server_of_ones_own_has_no_published_price_whatever_its_name_contains(provider):
    assert price_for(provider, "gpt-4o-mini", at=AT) == UNKNOWN


@pytest.mark.parametrize("provider", ["offline", "local"])
def test_what_runs_in_this_process_is_known_to_be_free(provider):
    price = price_for(provider, "extractive", at=AT)

    assert price == Price(Decimal(0), Decimal(0), Decimal(0))
    assert cost_usd(Usage(1000, 100), price) == 0


def test_model_that_costs_by_the_request_too_has_no_price_rather_than_a_part_of_it():
    assert price_for("perplexity", "sonar", at=AT) == UNKNOWN


def test_long_prompt_has_the_price_of_its_tier():
    short, long = (price_for("google", "gemini-2.5-pro", at=AT, input_tokens=n) for n in (200_000, 200_001))

    assert (short.input_usd_per_million, short.output_usd_per_million) == (Decimal("1.25"), Decimal(10))
    assert (long.input_usd_per_million, long.output_usd_per_million) == (Decimal("2.5"), Decimal(15))


def test_newest_valid_override_wins():
    overrides = [
        make_override("ollama/llama3", 20, "0.2", "0.4"),
        make_override("ollama/llama3", 1, "0.1", "0.3"),
        make_override("ollama/other", 25, "9", "9"),
    ]
    before, between, after = (
        price_for("ollama", "llama3", at=datetime(2026, month, day, tzinfo=UTC), overrides=overrides)
        for month, day in ((9, 30), (10, 10), (10, 20))
    )

    assert before == UNKNOWN
    assert between == Price(Decimal("0.1"), Decimal("0.3"), None)
    assert after == Price(Decimal("0.2"), Decimal("0.4"), None)


def test_override_wins_over_published_and_free_prices():
    overrides = [make_override("openai/gpt-4o-mini", 1, "1", "2"), make_override("local/small", 1, "3", "4")]

    assert price_for("openai", "gpt-4o-mini", at=AT, overrides=overrides) == Price(Decimal(1), Decimal(2), None)
    assert price_for("local", "small", at=AT, overrides=overrides) == Price(Decimal(3), Decimal(4), None)


def test_cost_counts_cached_tokens_at_their_own_price():
    price = Price(Decimal(2), Decimal(8), Decimal("0.5"))

    # 600 at 2, 400 at 0.5, 100 at 8 dollars a million: 0.0012 + 0.0002 + 0.0008
    assert cost_usd(Usage(1000, 100, cached_input_tokens=400), price) == Decimal("0.0022")


def test_cached_tokens_without_a_price_of_their_own_cost_as_the_others():
    assert cost_usd(Usage(1000, 100, cached_input_tokens=400), Price(Decimal(2), Decimal(8))) == Decimal("0.0028")


@pytest.mark.parametrize(
    ("usage", "price"),
    [
        (None, Price(Decimal(1), Decimal(1))),
        (Usage(10, 10), UNKNOWN),
        (Usage(0, 0), UNKNOWN),
        (Usage(10, 10), Price(Decimal(1), None)),
        (Usage(10, 10), Price(None, Decimal(1))),
    ],
)
def test_cost_is_unknown_when_a_part_of_it_is(usage, price):
    assert cost_usd(usage, price) is None


def test_model_without_output_price_costs_its_input():
    assert cost_usd(Usage(1_000_000, 0), price_for("openai", "text-embedding-3-small", at=AT)) == Decimal("0.02")


@pytest.mark.parametrize(
    ("provider", "model", "usage"),
    [
        ("openai", "gpt-4o", Usage(12_345, 678, cached_input_tokens=4_000)),
        ("google", "gemini-2.5-pro", Usage(250_000, 900, cached_input_tokens=100_000)),
        ("groq", "llama-3.1-8b-instant", Usage(5_000, 300)),
        ("openrouter", "meta-llama/llama-3.1-8b-instruct", Usage(5_000, 300)),
    ],
)
def test_cost_is_what_the_library_computes(provider, model, usage):
    theirs = genai_prices.calc_price(
        genai_prices.Usage(
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            cache_read_tokens=usage.cached_input_tokens,
        ),
        model,
        provider_id=provider,
        genai_request_timestamp=AT,
    )

    price = price_for(provider, model, at=AT, input_tokens=usage.input_tokens)

    assert cost_usd(usage, price) == theirs.total_price
