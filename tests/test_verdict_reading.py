"""Verdicts of models, made up by chance in the many ways in which models write them."""

import json
import random

import pytest

from monitoring.judges.reading import LIST_ITEM_MAX_CHARS, LIST_MAX, UnreadableVerdictError, read_verdict

LABELS = ("SUPPORTED", "PARTLY_SUPPORTED", "UNSUPPORTED")
# Prose without the words "label" and "verdict", with all that may confuse a reader of JSON.
WORDS = [
    *[
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        '"',
        "'",
        "\\",
        "`",
        "```",
        "```json",
        "**",
        "#",
        "<b>",
        "</b>",
        "1.",
        "-",
        "[1]",
        "{x}",
        "SUPPORTED",
    ],
    "so",
    "it",
    "says",
    "\n",
    "é",
]


def prose(chance: random.Random) -> str:
    return " ".join(chance.choices(WORDS, k=chance.randrange(0, 40))).replace("<think", "")


def spelled(label: str, chance: random.Random) -> str:
    return chance.choice(
        [label, label.lower(), label.replace("_", " "), label.title().replace("_", "-"), f" {label}. ", f"**{label}**"]
    )


@pytest.mark.parametrize("seed", range(300))
def test_a_verdict_is_read_whatever_stands_around_it(seed):
    chance = random.Random(seed)
    label, reasoning = chance.choice(LABELS), prose(chance)
    said = {"reasoning": reasoning, "unsupported": [prose(chance) + "x"], "label": spelled(label, chance)}
    fields = chance.sample(sorted(said), len(said))
    verdict = json.dumps({name: said[name] for name in fields}, indent=chance.choice([None, 2]), ensure_ascii=False)
    verdict = chance.choice(["{}", "```json\n{}\n```", "<think>Hm: {{</think>{}", "\ufeff{}"]).format(verdict)

    found = read_verdict(verdict, LABELS, ["unsupported"])

    assert found.label == label
    assert found.reasoning == " ".join(reasoning.split())
    assert found.lists == {"unsupported": [" ".join(said["unsupported"][0].split())]}


@pytest.mark.parametrize("seed", range(300))
def test_prose_around_a_verdict_never_changes_its_label(seed):
    # Prose may swallow the object, such as by an opening bracket; then the label is read by its name.
    chance = random.Random(seed)
    label = chance.choice(LABELS)
    text = f'{prose(chance)}\n{{"reasoning": "", "label": "{label}"}}\n{prose(chance)}'

    assert read_verdict(text, LABELS).label == label


@pytest.mark.parametrize("seed", range(300))
def test_any_text_is_a_verdict_with_a_known_label_or_none(seed):
    chance = random.Random(seed)
    words = [*WORDS, '"label"', "label:", "verdict", '"label": "', "UNSUPPORTED", "Label: SUPPORTED", "<think>", "\x00"]
    text = " ".join(chance.choices(words, k=chance.randrange(0, 60)))

    try:
        found = read_verdict(text, LABELS, ["unsupported"])
    except UnreadableVerdictError as error:
        assert str(error)
    else:
        assert found.label in LABELS


@pytest.mark.parametrize("seed", range(100))
def test_two_labels_are_never_decided_between(seed):
    chance = random.Random(seed)
    first, second = chance.sample(LABELS, 2)
    objects = [json.dumps({"reasoning": "", "label": spelled(label, chance)}) for label in (first, second)]

    with pytest.raises(UnreadableVerdictError, match="contradict"):
        read_verdict(f"\n{chance.choice(['', 'But no:', '```'])}\n".join(objects), LABELS)


@pytest.mark.parametrize(
    ("value", "texts"),
    [
        ([], []),
        (None, []),
        ("none", []),
        ("It opens at six.", ["It opens at six."]),
        (["A.", "", "None.", 7, True, None, ["x"]], ["A.", "7"]),
        ([{"claim": "A.", "why": "No hit."}, {}], ["A."]),
        ({"claim": "A."}, ["A."]),
        (["a\u0000\n b"], ["a b"]),
        (["x" * 1_000], ["x" * LIST_ITEM_MAX_CHARS]),
        ([f"claim {n}" for n in range(100)], [f"claim {n}" for n in range(LIST_MAX)]),
    ],
)
def test_lists_are_texts_and_cut(value, texts):
    found = read_verdict(json.dumps({"unsupported": value, "label": "UNSUPPORTED"}), LABELS, ["unsupported"])

    assert found.lists == {"unsupported": texts}


def test_a_list_that_was_not_given_is_empty():
    assert read_verdict("Label: SUPPORTED", LABELS, ["unsupported"]).lists == {"unsupported": []}
