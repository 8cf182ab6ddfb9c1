"""What `spark-submit` starts on a cluster: the same command line as `python -m batch`, whose code lies in the
archive beside it.
"""

import sys

from batch.__main__ import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
