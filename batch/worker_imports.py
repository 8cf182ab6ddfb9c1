"""Takes the archives that Spark puts on a Python worker's import path out of its caches.

Before every task Spark makes Python forget what it knows of the import path, and Python before 3.13 answers
by reading the directory of every archive anew, once for each package that came from it: 0.1 s of a core a
task, for pyspark's archive and a jar that holds no Python at all.
"""

import sys
import zipimport


def forget_archives() -> None:
    """Drop what was cached of archives; an import that needs one opens it again.

    A task calls it when it starts: only the first tasks of a worker find anything to drop.
    """
    sys.path[:] = [entry for entry in sys.path if not entry.endswith(".jar")]
    for entry, finder in list(sys.path_importer_cache.items()):
        if isinstance(finder, zipimport.zipimporter):
            del sys.path_importer_cache[entry]
