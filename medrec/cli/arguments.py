"""The command line's words: every command and option, in one place."""

import argparse
from collections.abc import Callable
from typing import Any, NoReturn

from medrec._version import __version__

SOURCES = (
    "SOURCE is FORMAT:PATH - cdrugred:FILE, dialmed:FILE, jsonl:FILE, arff:FILE, codiesp:FILE, uci-diabetes:FILE, "
    "mimic:DIR, gamenet:DIR, parquet:DIR, or synthetic:records=2000,seed=0 for generated records."
)
MODELS = ("binary-relevance", "chain", "neighbors", "prior", "stacked", "stacked-binary-relevance")
BASES = ("logistic", "svm", "online", "lightgbm", "lightgbm-fast", "xgboost", "xgboost-fast")
DECISIONS = (
    "expected-jaccard",
    "expected-jaccard-exact",
    "expected-f1",
    "threshold",
    "tuned-threshold",
    "scutfbr",
    "micromacro-freq",
    "cardinality",
    "top-k",
)
FORMATS = ("chip2025", "jsonl", "csv", "parquet")


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, whatever came."""

    def error(self, message: str) -> NoReturn:
        super().error(" ".join(message.split()))


def build_parser() -> argparse.ArgumentParser:
    """The parser of ``medrec``.

    Examples
    --------
    >>> build_parser().parse_args(["fit", "--data", "jsonl:a.jsonl", "--out", "m"]).model
    'binary-relevance'
    """
    parser = _Parser(
        prog="medrec",
        description="The classic-ML baseline for medication recommendation and clinical coding.",
        epilog=SOURCES,
    )
    parser.add_argument("--version", action="version", version=f"medrec {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    demo = _add(commands, "demo", "make records, fit, evaluate and report: the whole line on generated data")
    demo.add_argument("--out", default="medrec-demo", metavar="DIR", help="folder for the results [%(default)s]")

    fit = _add(commands, "fit", "learn a model from records")
    fit.add_argument("--data", required=True, metavar="SOURCE", help="records with their drugs")
    fit.add_argument("--out", required=True, metavar="MODEL", help="file to write the model to")
    _add_fit_options(fit)

    predict = _add(commands, "predict", "recommend drugs for records")
    predict.add_argument("--model", required=True, metavar="MODEL", help="file that medrec fit wrote")
    predict.add_argument("--data", required=True, metavar="SOURCE", help="records")
    predict.add_argument(
        "--out", required=True, metavar="FILE", help="file to write; with --format parquet a new folder"
    )
    predict.add_argument(
        "--format",
        choices=FORMATS,
        default="chip2025",
        help="of the file; parquet takes parquet:DIR of any size, block by block [%(default)s]",
    )
    predict.add_argument("--top-k", type=_positive, metavar="K", help="the K best drugs instead of the decided set")
    _add_masks(predict)

    evaluate = _add(commands, "evaluate", "measure a model on records it has not seen")
    evaluate.add_argument("--data", required=True, metavar="SOURCE", help="records with their drugs")
    held_out = evaluate.add_mutually_exclusive_group()
    held_out.add_argument("--cv", type=_folds, default=5, metavar="K", help="folds, patients kept together [5]")
    held_out.add_argument("--test", metavar="SOURCE", help="records to test on, instead of folds")
    evaluate.add_argument("--out", metavar="FILE", help="JSON file for the figures")
    evaluate.add_argument("--report", metavar="FILE", help="HTML page to write")
    evaluate.add_argument(
        "--examples",
        type=_natural,
        default=3,
        metavar="N",
        help="worst and best records that the page quotes and explains, N each; 0 for no record's text [%(default)s]",
    )
    _add_fit_options(evaluate)

    score = _add(commands, "score", "score predictions that are in a file")
    score.add_argument("--truth", required=True, metavar="SOURCE", help="records with their drugs")
    score.add_argument(
        "--pred",
        required=True,
        metavar="FILE",
        help="predictions: chip2025 JSON, jsonl, csv, or a folder of --format parquet",
    )
    score.add_argument(
        "--preset", action="append", metavar="NAME", help="whose definition of the metrics; repeatable [chip2025]"
    )
    _add_read(score)
    score.add_argument("--ddi", metavar="FILE", help="interactions: CSV drug,other[,severity] or JSON")
    score.add_argument("--json", action="store_true", help="print JSON")

    tune = _add(commands, "tune", "search for the options that do best; a study that was stopped goes on where it was")
    tune.add_argument("--data", required=True, metavar="SOURCE", help="records with their drugs")
    tune.add_argument(
        "--trials", type=_positive, default=30, metavar="N", help="configurations to try, earlier runs counted [30]"
    )
    tune.add_argument(
        "--storage",
        default="sqlite:///study.db",
        metavar="URL",
        help="database of the study, which several processes may share [%(default)s]",
    )
    tune.add_argument("--study", metavar="NAME", help="name of the study in it [of model and base]")
    tune.add_argument("--timeout", type=_seconds, metavar="S", help="seconds after which no trial begins")
    tune.add_argument("--metric", default="jaccard", metavar="NAME", help="what is to grow, as f1_micro [%(default)s]")
    tune.add_argument("--cv", type=_folds, default=5, metavar="K", help="folds, patients kept together [5]")
    tune.add_argument("--out", metavar="MODEL", help="file for the best model, fitted on all records")
    _add_fit_options(tune, "tuned")

    explain = _add(commands, "explain", "say which words, codes, neighbours and rules moved the scores of a record")
    explain.add_argument("--model", required=True, metavar="MODEL", help="file that medrec fit wrote")
    explain.add_argument("--data", required=True, metavar="SOURCE", help="records, the one among them")
    explain.add_argument("--id", required=True, metavar="ID", help="of the record; its number where it has none")
    explain.add_argument("--drug", metavar="NAME", help="the drug to explain [every recommended one, in short]")
    explain.add_argument("--html", metavar="FILE", help="page to write, with the record's text marked")
    _add_masks(explain)

    data = _add(commands, "data", "look at, make or fetch data")
    actions = data.add_subparsers(dest="action", required=True, metavar="ACTION")
    describe = _add(actions, "describe", "say what is in a source")
    describe.add_argument("data", metavar="SOURCE")
    _add_masks(describe)
    make = _add(actions, "make", "write generated records in the CDrugRed layout, or as partitioned Parquet")
    make.add_argument("--out", required=True, metavar="DIR", help="folder to write to")
    make.add_argument("--records", type=_positive, default=6000, metavar="N", help="records [%(default)s]")
    make.add_argument(
        "--format", choices=("cdrugred", "parquet"), default="cdrugred", help="parquet makes any number [%(default)s]"
    )
    make.add_argument("--seed", type=_natural, default=0, metavar="N", help="[%(default)s]")

    fetch = _add(
        actions, "fetch", "download public data, checked before it is kept; a broken download goes on where it was"
    )
    fetch.add_argument("name", nargs="?", metavar="NAME", help="what to fetch; without it, what there is")
    fetch.add_argument("--out", default="data", metavar="DIR", help="folder to write to [%(default)s]")

    doctor = _add(commands, "doctor", "say what this machine can do, and the cure for what it cannot")
    doctor.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _add(commands: argparse._SubParsersAction, name: str, purpose: str) -> argparse.ArgumentParser:
    return commands.add_parser(name, help=purpose, description=f"{purpose[0].upper()}{purpose[1:]}.", epilog=SOURCES)


def _add_masks(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--masks", choices=("drop", "keep"), help="dialmed: whether the masks, which give the number of drugs, stay"
    )
    _add_read(parser)


def _add_read(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--read", action="append", default=[], metavar="KEY=VALUE", help="an option of SOURCE's reader, as labels=atc3"
    )


def _add_fit_options(parser: argparse.ArgumentParser, usual_decision: str = "the model's own") -> None:
    _add_masks(parser)
    parser.add_argument("--model", choices=MODELS, default="binary-relevance", help="[%(default)s]")
    parser.add_argument("--base", choices=BASES, default="logistic", help="[%(default)s]")
    parser.add_argument("--ddi", metavar="FILE", help="interactions: CSV drug,other[,severity] or JSON")
    parser.add_argument(
        "--max-ddi", type=_rate, metavar="R", help="interacting share of all pairs that may stay [no pair may]"
    )
    parser.add_argument("--decision", choices=DECISIONS, help=f"[{usual_decision}]")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="of the boosters [%(default)s]")
    parser.add_argument("--jobs", type=_jobs, default=-1, metavar="N", help="cores; -1 is all [%(default)s]")
    parser.add_argument(
        "--dask",
        metavar="ADDRESS",
        help="cluster to work on: tcp://HOST:PORT of its scheduler, or local:N for N processes",
    )
    parser.add_argument("--seed", type=_natural, default=0, metavar="N", help="[%(default)s]")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="an option of the model, as base__C=3"
    )


def _number(kind: Callable[[str], Any], least: float, most: float, rule: str) -> Callable[[str], Any]:
    """The ``type=`` of an option whose number must be in a range; ``rule`` says so."""

    def read(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not least <= value <= most:
            raise argparse.ArgumentTypeError(f"must be {rule}; got {text!r}")
        return value

    return read


_positive = _number(int, 1, float("inf"), "a whole number of at least 1")
_natural = _number(int, 0, 2**32 - 1, f"a whole number from 0 to {2**32 - 1}")
_folds = _number(int, 2, float("inf"), "a whole number of at least 2")
_rate = _number(float, 0, 1, "between 0 and 1, 0.05 for 5 %")
_seconds = _number(float, 1e-3, float("inf"), "a number of seconds above 0")


def _jobs(text: str) -> int:
    if text != "-1" and not (text.isdecimal() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"must be -1 for all cores or a whole number of at least 1; got {text!r}")
    return int(text)
