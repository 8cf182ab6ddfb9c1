"""Nothing of ours is pickled: a pickle runs whatever code its writer chose on whoever reads it.

What others pickle stays in memory between processes of one program that trust each other: Spark its functions
on their way to its workers, Python's process pool the photos to render. No pickle is read from a file, a
bucket or a client.
"""

import ast
import pickle
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from models.pretrained import DEFAULT_BUNDLE
from tests.pickle_search import pickles_in
from tests.test_architecture import modules, tree_of

PACKAGES = ("api", "batch", "models", "examples")
PICKLING_MODULES = {
    "pickle", "cPickle", "_pickle", "dill", "cloudpickle", "shelve", "marshal", "joblib", "jsonpickle",
    "pickletools", "copyreg",
}  # fmt: skip
# Methods and functions that write or read pickles, whatever module they are taken from.
PICKLING_NAMES = {
    "read_pickle", "to_pickle", "saveAsPickleFile", "pickleFile", "PickleSerializer", "CloudPickleSerializer",
    "CPickleSerializer", "__reduce__", "__reduce_ex__", "__setstate__", "__getstate__",
}  # fmt: skip
SAFE_ARGUMENTS = {"allow_pickle": False, "safe_mode": True, "weights_only": True}
# Of these modules, what unpickles unless told otherwise.
UNPICKLING_CALLS = {
    "torch": {"load", "save"},
    "yaml": {"load", "unsafe_load", "full_load"},
    "keras": {"enable_unsafe_deserialization"},
    "multiprocessing": {"Queue", "Pipe", "Listener", "Client"},
}


def uses(tree: ast.Module) -> Iterator[str]:
    """Name every use of pickle in some code, each with its line."""
    for node in ast.walk(tree):
        names: set[str] = set()
        if isinstance(node, ast.Import):
            names = {alias.name for alias in node.names if pickles(alias.name)}
        elif isinstance(node, ast.ImportFrom):
            names = {name for a in node.names if pickles(name := f"{node.module}.{a.name}")}
        elif isinstance(node, ast.Attribute | ast.Name):
            names = {name} if pickles(name := ast.unparse(node)) else set()
        elif isinstance(node, ast.FunctionDef):
            names = {node.name} & PICKLING_NAMES
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            names = {node.value} & PICKLING_MODULES
        elif isinstance(node, ast.keyword) and node.arg in SAFE_ARGUMENTS:
            safe = isinstance(node.value, ast.Constant) and node.value.value is SAFE_ARGUMENTS[node.arg]
            names = set() if safe else {f"{node.arg}={ast.unparse(node.value)}"}
        yield from (f"{getattr(node, 'lineno', '?')}: {name}" for name in names)


def pickles(name: str) -> bool:
    """Tell whether a dotted name is one of a pickler or of what uses one."""
    parts = name.split(".")
    return (
        bool(PICKLING_MODULES & set(parts))
        or parts[-1] in PICKLING_NAMES
        or parts[-1] in UNPICKLING_CALLS.get(parts[0], set())
    )


@pytest.mark.parametrize("package", PACKAGES)
def test_no_code_of_ours_pickles_or_unpickles(package: str) -> None:
    found = [f"{path}:{use}" for path in modules(package) for use in uses(tree_of(path))]
    assert found == []


@pytest.mark.parametrize(
    "code",
    ["import pickle", "from joblib import load", "import numpy as np\nnp.load(f, allow_pickle=True)",
     "np.load(f, allow_pickle=flag)", "import torch\ntorch.load(f)", "frame.to_pickle(p)", "import shelve",
     "__import__('marshal')", "importlib.import_module('dill')", "rdd.saveAsPickleFile(p)", "yaml.load(f)",
     "class A:\n def __reduce__(self): ...", "from multiprocessing import Queue",
     "keras.load(f, safe_mode=False)", "from pyspark import cloudpickle", "def f():\n  import cloudpickle"],
)  # fmt: skip
def test_code_that_would_is_found(code: str) -> None:
    assert list(uses(ast.parse(code)))


def test_no_file_of_the_bundle_and_of_the_code_is_a_pickle_or_holds_one() -> None:
    below = DEFAULT_BUNDLE.parents[1].rglob("*")
    files = [path for path in below if path.is_file() and path.suffix != ".pyc"]
    assert {path.suffix for path in files} >= {".npz", ".parquet", ".faiss", ".tflite", ".json"}
    assert [found for path in files for found in pickles_in(path)] == []
    for path in files:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as arrays:
                assert all(arrays[name].dtype != object for name in arrays)


def test_a_pickle_is_found_wherever_it_hides(tmp_path: Path) -> None:
    hidden = {"a": np.ones(3), "b": "text"}
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        (tmp_path / "plain").write_bytes(pickle.dumps(hidden, protocol))
        assert pickles_in(tmp_path / "plain") == ["plain"]
    np.savez(tmp_path / "arrays.npz", fine=np.ones(2), hidden=np.array([hidden], dtype=object))
    assert pickles_in(tmp_path / "arrays.npz") == ["arrays.npz/hidden.npy"]
    pq.write_table(pa.table({"a": [1], "b": [pickle.dumps(hidden)]}), tmp_path / "rows.parquet")
    assert pickles_in(tmp_path / "rows.parquet") == ["rows.parquet"]


def test_arrays_that_hold_objects_are_refused_by_those_who_read_bundles(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", mean=np.array([print], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle=False"), np.load(tmp_path / "x.npz") as arrays:
        arrays["mean"]
