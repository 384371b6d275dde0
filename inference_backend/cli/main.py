"""Chooses the command and turns its failure into a sentence and an exit status."""

import sys
from collections.abc import Sequence
from pathlib import Path

from ..pipeline.cache import default_folder
from ..protocol.errors import RecoverError
from ..protocol.message_lines import encode
from ..protocol.messages import Error
from .arguments import build_parser
from .exit_codes import DONE, EXIT_CODES


def main(argv: Sequence[str]) -> int:
    """Run a command.

    Args:
        argv: arguments, without the program's name.

    Returns:
        The exit status; see `exit_codes`.
    """
    arguments = build_parser().parse_args(argv)
    if "cache" in arguments:
        arguments.cache = arguments.cache or default_folder()
    # A name that the terminal's encoding lacks must not end the program that wants to speak of it.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        match arguments.command:
            case "recover":
                from .recover import run

                return run(arguments)
            case "serve":
                from ..service.serve import serve

                serve(arguments.cache, arguments.log)
            case "doctor":
                from ..doctor.report import run_doctor

                return run_doctor(arguments.cache, as_json=arguments.json)
            case "to_smplx":
                from .to_smplx import convert

                for path in convert(arguments.result, Path(arguments.out)):
                    print(path)
    except RecoverError as error:
        if arguments.command == "recover" and arguments.json:
            # No job has begun yet, so nothing else has been said.
            sys.stdout.write(encode(Error.of(error)).decode())
        else:
            print_error(error)
        return EXIT_CODES[error.code]
    return DONE


def print_error(error: RecoverError) -> None:
    """Print the sentence, and below it what to do."""
    print(f"Error: {error.sentence}\n{error.remedy}", file=sys.stderr)
