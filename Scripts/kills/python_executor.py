"""concurrent.futures.ProcessPoolExecutor: four workers. kills.py starts it: python_executor.py STOP"""

import concurrent.futures
import sys

import common


def main():
    common.bound()
    try:
        with concurrent.futures.ProcessPoolExecutor(4, initializer=common.bound) as pool:
            common.use(pool, sys.argv[1])
    except concurrent.futures.BrokenExecutor as error:
        common.say(f"error: {type(error).__name__}")


if __name__ == "__main__":
    main()
