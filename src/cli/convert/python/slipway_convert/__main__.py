import json
import os
import sys
import traceback

from .failure import Refused, first_line
from .limits import apply_limits


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        job = json.load(file)
    apply_limits(job["limits"])
    # Numbers of this process are read by nobody; libraries that print would mix with what is.
    result_path = job["result"]
    try:
        from .convert import convert

        result = convert(job)
    except Refused as refused:
        result = {"error": {"code": refused.code, "message": str(refused)}}
    except ModuleNotFoundError as error:
        result = {
            "error": {
                "code": "missing_package",
                "message": f"the conversion needs the Python package '{error.name}', which the interpreter lacks; "
                f"install it there, or leave --python out",
            }
        }
    except MemoryError:
        result = {"error": {"code": "out_of_memory", "message": "the conversion took more memory than --memory allows"}}
    except Exception as error:
        traceback.print_exc()
        result = {"error": {"code": "conversion_failed", "message": f"{type(error).__name__}: {first_line(error)}"}}
    with open(result_path + ".part", "w", encoding="utf-8") as file:
        json.dump(result, file)
    os.replace(result_path + ".part", result_path)
    # Why: threads that a model's code left behind must not keep the process.
    sys.stderr.flush()
    os._exit(0)


main()
