"""multiprocessing.Pool: four workers. kills.py starts it: python_pool.py STOP"""

import multiprocessing
import sys

import common


def main():
    common.bound()
    with multiprocessing.Pool(4, common.bound) as pool:
        common.use(pool, sys.argv[1])


if __name__ == "__main__":
    main()
