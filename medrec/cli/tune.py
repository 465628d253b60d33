"""``medrec tune``."""

import shlex
from functools import partial
from typing import Any

import medrec
from medrec._checks import InputError
from medrec._dask import connected
from medrec._io import check_writable
from medrec._literals import write_literal
from medrec.cli import UsageError
from medrec.cli.arguments import build_parser
from medrec.cli.messages import note
from medrec.cli.options import make_pipeline, read_graph, read_labelled, set_options
from medrec.metrics import get_scorer
from medrec.tuning import TuningResult, search_space, tune
from medrec.tuning.tune import metric_name, name_study

FIT_OPTIONS = ("masks", "read", "model", "base", "ddi", "max_ddi", "decision", "device", "jobs", "seed", "set")
"""What ``fit`` takes beside its data and its file."""


def run(parsed: Any) -> None:
    """Search for the best options, print them as a command, and write the model that they make."""
    check_writable(parsed.out)
    try:
        get_scorer(metric_name(parsed.metric))
    except ValueError as error:
        raise UsageError(f"--metric: {error}") from None
    data = read_labelled(parsed.data, parsed.masks, parsed.read)
    graph = read_graph(parsed.ddi, data, parsed.data)
    if len(data) < 2 or (data.groups is not None and len(set(data.groups)) < 2):
        raise InputError(f"{parsed.data}: folds need the records of two patients; give more")
    given = {*set_options(parsed), *(["decision"] if parsed.decision is not None else [])}
    hashed = set_options(parsed).get("hashed", False)
    space = search_space(parsed.model, parsed.base, schema=data.schema, hashed=hashed)
    space = {name: one for name, one in space.items() if name not in given}
    if not space:
        raise UsageError("every option that tune knows is set; leave one out")
    quiet = {} if parsed.model == "prior" else {"verbose": False}
    with connected(parsed.dask):
        try:
            result = tune(
                partial(make_pipeline, parsed, data, graph, **quiet),
                data,
                space=space,
                trials=parsed.trials,
                timeout=parsed.timeout,
                storage=parsed.storage,
                study_name=parsed.study or name_study(parsed.model, parsed.base),
                metric=parsed.metric,
                n_splits=parsed.cv,
                random_state=parsed.seed,
                refit=parsed.out is not None,
                verbose=True,
            )
        except InputError:
            raise
        except (ValueError, TypeError) as error:
            raise UsageError(str(error)) from error
    for line in result.notes:
        note(line)
    report(parsed, result)
    if parsed.out is not None:
        medrec.save(
            result.pipeline,
            parsed.out,
            source=parsed.data,
            fingerprint=data.fingerprint(),
            records=len(data),
            model=parsed.model,
            base=parsed.base,
            study=result.facts,
        )
        note(f"{parsed.out}: the best of {len(result.trials)} configurations, learned from {len(data)} records")


def report(parsed: Any, result: TuningResult) -> None:
    """Print the figures, and the command that fits the best configuration."""
    states = result.trials["state"].value_counts()
    counted = ", ".join(f"{count} {state}" for state, count in states.items())
    print(f"{result.facts['name']} in {result.facts['storage']}: {len(result.trials)} configurations ({counted})")
    print(f"{parsed.metric}, {result.facts['folds']['number']} folds:")
    print(f"  default  {result.default_value:.6f}")
    print(f"  best     {result.best_value:.6f}  (trial {result.facts['best_trial']})")
    print(shlex.join(fit_command(parsed, result.best_params)))


def fit_command(parsed: Any, best: dict[str, Any]) -> list[str]:
    """The words of the ``medrec fit`` that fits a configuration as ``tune`` does."""
    words = ["medrec", "fit", "--data", parsed.data, "--out", parsed.out or "MODEL"]
    usual = build_parser().parse_args(words[1:])
    for name in FIT_OPTIONS:
        value = getattr(parsed, name)
        if value is not None and value != getattr(usual, name):
            for one in value if isinstance(value, list) else [value]:
                words += [f"--{name.replace('_', '-')}", str(one)]
    for name, value in best.items():
        words += ["--set", f"{name}={write_literal(value)}"]
    return words
