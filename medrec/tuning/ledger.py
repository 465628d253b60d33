"""Who tries which configuration: a table beside the study, in which each configuration can stand once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine


@dataclass(frozen=True)
class Claim:
    """A configuration that is being tried or was tried.

    Attributes
    ----------
    slot : int
        Its place among the configurations of the study, from 0 without gaps.
    key : str
        See ``configuration_key``.
    trial : int
        Number of the trial that tries it.
    starts : int
        How often it was begun.
    """

    slot: int
    key: str
    trial: int
    starts: int


class Ledger:
    """Claims on configurations, exact for any number of processes.

    Optuna's samplers know nothing of what another process has just drawn, and so may draw it again. Here the database
    decides: a claim is one INSERT into a table in which a configuration's key and its slot are unique within a
    study, so of two processes that claim at the same time one is refused, whatever the database's isolation. Slots
    are numbered without gaps, which bounds the number of configurations in the same way. A claim changes hands, when
    its trial has died, by one UPDATE that names the dead trial; of two, one finds nothing to update.

    Parameters
    ----------
    engine : sqlalchemy Engine
        Database of the study.
    study : str
        Name of the study.

    Examples
    --------
    >>> import sqlalchemy
    >>> ledger = Ledger(sqlalchemy.create_engine("sqlite://"), "study")
    >>> ledger.claim("one", trial=0, limit=2), ledger.claim("one", trial=1, limit=2)
    ('new', 'repeat')
    >>> ledger.claim("two", trial=2, limit=2), ledger.claim("three", trial=3, limit=2)
    ('new', 'full')
    >>> ledger.take_over("two", dead=2, trial=4), ledger.take_over("two", dead=2, trial=5)
    (True, False)
    """

    def __init__(self, engine: Engine, study: str) -> None:
        import sqlalchemy as sa

        self._engine, self._study = engine, study
        tables = sa.MetaData()
        name = sa.Column("study", sa.String(512), primary_key=True)
        self._facts = sa.Table("medrec_facts", tables, name, sa.Column("facts", sa.Text, nullable=False))
        self._claims = sa.Table(
            "medrec_claims",
            tables,
            sa.Column("study", sa.String(512), primary_key=True),
            sa.Column("slot", sa.Integer, primary_key=True, autoincrement=False),
            sa.Column("key", sa.String(64), nullable=False),
            sa.Column("trial", sa.Integer, nullable=False),
            sa.Column("starts", sa.Integer, nullable=False),
            sa.UniqueConstraint("study", "key"),
        )
        tables.create_all(engine)

    def agree(self, facts: str) -> str:
        """The facts that the study was made with: these, where it has none yet."""
        import sqlalchemy as sa

        table = self._facts
        try:
            with self._engine.begin() as connection:
                connection.execute(sa.insert(table).values(study=self._study, facts=facts))
        except sa.exc.IntegrityError:  # another process, or an earlier run, was first
            pass
        else:
            return facts
        with self._engine.connect() as connection:
            return connection.execute(sa.select(table.c.facts).where(table.c.study == self._study)).scalar_one()

    def known(self) -> bool:
        """Whether the study has facts."""
        import sqlalchemy as sa

        with self._engine.connect() as connection:
            found = connection.execute(sa.select(self._facts.c.study).where(self._facts.c.study == self._study))
            return found.first() is not None

    def claim(self, key: str, *, trial: int, limit: int) -> str:
        """Claim a configuration for a trial.

        Parameters
        ----------
        key : str
            See ``configuration_key``.
        trial : int
            Number of the trial.
        limit : int
            How many configurations the study may have.

        Returns
        -------
        {"new", "repeat", "full"}
            The claim is made; the configuration is claimed already; the study has as many as it may have.
        """
        import sqlalchemy as sa

        row = {"study": self._study, "key": key, "trial": trial, "starts": 1}
        while True:
            claims = self.claims()
            if any(claim.key == key for claim in claims):
                return "repeat"
            if len(claims) >= limit:
                return "full"
            try:
                with self._engine.begin() as connection:
                    connection.execute(sa.insert(self._claims).values(slot=len(claims), **row))
            except sa.exc.IntegrityError:
                continue  # another process took the configuration or the slot in between: look again
            return "new"

    def take_over(self, key: str, *, dead: int, trial: int, again: bool = True) -> bool:
        """Let a trial try the configuration of a dead one; False where another took it.

        Parameters
        ----------
        key : str
        dead, trial : int
            Numbers of the trial that holds the claim and of the one that shall.
        again : bool, default=True
            Whether it counts as begun once more.
        """
        import sqlalchemy as sa

        table = self._claims
        mine = (table.c.study == self._study) & (table.c.key == key) & (table.c.trial == dead)
        change = sa.update(table).where(mine).values(trial=trial, starts=table.c.starts + int(again))
        with self._engine.begin() as connection:
            return connection.execute(change).rowcount == 1

    def claims(self) -> list[Claim]:
        """All claims, by slot."""
        import sqlalchemy as sa

        table = self._claims
        columns = (table.c.slot, table.c.key, table.c.trial, table.c.starts)
        query = sa.select(*columns).where(table.c.study == self._study).order_by(table.c.slot)
        with self._engine.connect() as connection:
            return [Claim(*row) for row in connection.execute(query)]

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()
