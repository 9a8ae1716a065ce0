"""Runs a function's handler for the embedded Lambda: an event a line in, an answer a line out."""

import importlib
import json
import logging
import os
import sys
import time
import traceback

# What the handler prints is its log, as at AWS. The answers' own way is nobody else's.
answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
events = os.fdopen(os.dup(0), encoding="utf-8")
os.dup2(2, 1)
os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
sys.stdout.reconfigure(line_buffering=True)

task, stand_ins = sys.argv[1:]
sys.path[:0] = [task]
# Behind all that is installed: who has the real boto3 gets it.
sys.path.append(stand_ins)

memory = int(os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"])
try:
    import resource

    resource.setrlimit(resource.RLIMIT_DATA, (memory << 20, memory << 20))
except (ImportError, ValueError, OSError):
    pass  # No such limit on this system: the function has what there is.

logging.basicConfig(
    stream=sys.stderr, level=logging.WARNING, format="[%(levelname)s]\t%(asctime)s\t%(message)s"
)


class Context:
    def __init__(self, asked):
        self.aws_request_id = asked["request"]
        self.invoked_function_arn = asked["arn"]
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = str(memory)
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        self.identity = None
        self.client_context = None
        self._deadline = asked["deadline"] / 1000

    def get_remaining_time_in_millis(self):
        return max(0, int((self._deadline - time.time()) * 1000))


def failure(error, kind=None, message=None):
    trace = traceback.extract_tb(error.__traceback__) if kind is None else []
    own = [frame for frame in trace if frame.filename != __file__]
    return {
        "failed": {
            "errorMessage": message or str(error),
            "errorType": kind or type(error).__name__,
            "stackTrace": traceback.format_list(own),
        }
    }


def load(name):
    module, _, function = name.rpartition(".")
    try:
        return getattr(importlib.import_module(module.replace("/", ".")), function), None
    except MemoryError as error:
        return None, failure(error, "Runtime.OutOfMemory", "out of memory")
    except AttributeError as error:
        if module in sys.modules:
            message = f"Handler '{function}' missing on module '{module}'"
            return None, failure(error, "Runtime.HandlerNotFound", message)
        return None, failure(error)
    except ImportError as error:
        message = f"Unable to import module '{module}': {error}"
        return None, failure(error, "Runtime.ImportModuleError", message)
    except SyntaxError as error:
        message = f"Syntax error in module '{module}': {error}"
        return None, failure(error, "Runtime.UserCodeSyntaxError", message)
    except Exception as error:
        return None, failure(error)


def call(handler, asked):
    try:
        answer = handler(asked["event"], Context(asked))
    except MemoryError as error:
        return failure(error, "Runtime.OutOfMemory", "out of memory")
    except Exception as error:
        return failure(error)
    try:
        return {"answer": json.dumps(answer, allow_nan=False)}
    except (TypeError, ValueError) as error:
        return failure(error, "Runtime.MarshalError", f"Unable to marshal response: {error}")


handler, broken = load(os.environ["_HANDLER"])
for line in events:
    done = broken or call(handler, json.loads(line))
    if "failed" in done:
        failed = done["failed"]
        print(f"[ERROR] {failed['errorType']}: {failed['errorMessage']}", file=sys.stderr)
    sys.stderr.flush()
    print(json.dumps(done), file=answers, flush=True)
