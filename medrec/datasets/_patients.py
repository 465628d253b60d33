"""The generated patients: what they have, what they take, and what a ward makes of it at each visit."""

from collections.abc import Iterator
from itertools import accumulate, count

from medrec.datasets._conditions import (
    ANY_REASON,
    NOISE_DIAGNOSES,
    REASONS,
    RENAL_AVOID,
    SHORT_COURSE,
    Condition,
    conditions,
    findings,
)
from medrec.datasets._draws import Draws
from medrec.datasets._formulary import Drug, formulary, interactions
from medrec.datasets._narrative import Visit, Writer

N_WARDS = 12
FAVOURITE = 0.4  # a ward's favourite of a class weighs this many times the most common drug of the class
KNOWN = 0.95  # share of chronic conditions that are treated before the first visit
KEEP = 0.91
KEEP_IRREGULAR = 0.55  # chance that a drug taken at home is kept, without laboratory reasons
START_MAIN = 0.97
START_OTHER = 0.45  # of the class's rate: chance that a class not taken yet is started
MAX_DRUGS = 21
_VISITS = tuple(accumulate((55, 22, 11, 6, 3, 2, 1)))
_ETHNICITIES = ("汉族",) * 46 + ("回族", "满族", "蒙古族", "壮族")
_MAJOR_TAKEN = 0.25  # chance that a doctor prescribes a pair with a major interaction all the same

BLOCK_PATIENTS = 10**6
"""Patients that a block has numbers for."""

Regimen = dict[str, tuple[Drug, str, bool]]


class Clinic:
    """Twelve wards with their habits, which the seed fixes; ``records`` walks through their patients without end.

    Each ``block`` is a stream of patients of its own, numbered from ``block * BLOCK_PATIENTS + 1``.
    """

    def __init__(self, seed: int, block: int = 0) -> None:
        self._draws = Draws(seed, 651)
        self._groups = formulary()
        self._conditions = conditions()
        self._findings = findings()
        self._major = {frozenset((one, two)) for one, two, severity in interactions() if severity == "major"}
        self._cumulative: dict[tuple[int, str, bool], list[int]] = {}
        self._favourite = {
            (ward, key): self._draws.weighted(list(accumulate(drug.weight for drug in group.drugs)))
            for ward in range(N_WARDS)
            for key, group in self._groups.items()
        }
        self._first = block * BLOCK_PATIENTS + 1
        if block:
            self._draws = Draws(seed, 651, block)
        self._writer = Writer(self._draws)

    def records(self) -> Iterator[dict[str, object]]:
        """Clean records, patient after patient, the visits of each in order."""
        for patient in count(self._first):
            yield from self._patient(patient)

    def _choose(self, ward: int, key: str, renal: bool, banned: str) -> Drug:
        """A drug of the class by the ward's habits; never the ingredient that the patient is allergic to."""
        place = (ward, key, renal)
        drugs = self._groups[key].drugs
        if place not in self._cumulative:
            weights = [drug.weight for drug in drugs]
            weights[self._favourite[ward, key]] = round(FAVOURITE * max(weights))
            if renal:
                weights = [1 + w // 20 if d.short in RENAL_AVOID else w for w, d in zip(weights, drugs)]
            self._cumulative[place] = list(accumulate(weights))
        for _ in range(20):
            drug = drugs[self._draws.weighted(self._cumulative[place])]
            if drug.ingredient != banned:
                return drug
        return next((drug for drug in drugs if drug.ingredient != banned), drugs[0])

    def _patient(self, patient: int) -> Iterator[dict[str, object]]:
        draws = self._draws
        female = draws.chance(0.44)
        age = 38 + draws.below(28) + draws.below(26)
        present: list[Condition] = []
        keys: set[str] = set()
        for condition in self._conditions:
            if condition.acute or (condition.key == "bph" and female):
                continue
            rate = condition.base
            for key, factor in condition.boosts:
                if key in keys:
                    rate *= factor
            if draws.chance(min(rate, 0.6) * (0.6 + age / 150)):
                present.append(condition)
                keys.add(condition.key)
        names = {c.key: c.names[min(draws.below(len(c.names)), draws.below(len(c.names)))] for c in self._conditions}
        years = {c.key: 1 + draws.below(20) for c in present}
        banned = ""
        ward = draws.below(N_WARDS)
        renal = bool(keys & {"ckd", "dn"})
        allergy = None
        if draws.chance(0.1):
            key = draws.pick(("penic", "cepha", "quinol", "nsaid", "otheranti", "statin", "antiplt", "acei"))
            allergy = self._choose(ward, key, False, "")
            banned = allergy.ingredient
        regimen: Regimen = {}
        for condition in present:
            if draws.chance(KNOWN):
                for key, rate in condition.classes:
                    if key not in regimen and key not in SHORT_COURSE and draws.chance(rate):
                        chosen = self._choose(draws.below(N_WARDS) if draws.chance(0.35) else ward, key, renal, banned)
                        if not any(frozenset((chosen.name, d.name)) in self._major for d, _, _ in regimen.values()):
                            regimen[key] = (chosen, condition.key, draws.chance(0.16))
        bmi = 17.5 + (draws.uniform() + draws.uniform()) * 7 + ("dm" in keys) * 1.4
        month = 12 * 2012 + draws.below(12 * 7)
        person = {
            "患者序号": patient,
            "性别": "女" if female else "男",
            "出生日期": f"{2016 - age}-{1 + draws.below(12):02d}",
            "民族": draws.pick(_ETHNICITIES),
        }
        for number in range(1, 2 + draws.weighted(_VISITS)):
            at = ward if draws.chance(0.88) else draws.below(N_WARDS)
            visit, diagnoses, drugs = self._visit(at, present, keys, names, years, regimen, banned, allergy)
            texts = self._writer.sections(visit)
            yield {
                "患者序号": patient,
                "就诊标识": f"{patient}-{number}",
                "性别": person["性别"],
                "出生日期": person["出生日期"],
                "民族": person["民族"],
                "BMI": round(bmi + draws.uniform() - 0.5, 1),
                "就诊时间": f"{month // 12}-{1 + month % 12:02d}",
                **texts,
                "出院诊断": diagnoses,
                "出院带药列表": [drug.name for drug in drugs],
            }
            month += 1 + draws.below(14)

    def _reason(self, condition: Condition, reasons_for: str) -> tuple[str, str]:
        specific = REASONS.get(reasons_for)
        return self._draws.pick(specific if specific and self._draws.chance(0.7) else ANY_REASON)

    def _visit(
        self,
        ward: int,
        present: list[Condition],
        keys: set[str],
        names: dict[str, str],
        years: dict[str, int],
        regimen: Regimen,
        banned: str,
        allergy: Drug | None,
    ) -> tuple[Visit, list[str], list[Drug]]:
        draws = self._draws
        now = list(present)
        for condition in self._conditions:
            if condition.acute:
                rate = condition.base
                for key, factor in condition.boosts:
                    if key in keys:
                        rate *= factor
                if draws.chance(rate):
                    now.append(condition)
        if not now:
            now = [draws.pick([c for c in self._conditions if c.acute and c.admits >= 1])]
        main = now[draws.weighted(list(accumulate(round(c.admits * 1000) for c in now)))]
        others = [c for c in now if c is not main]
        draws.shuffle(others)

        values: dict[str, bool] = {}
        for condition in now:
            for key, rate in condition.flags:
                values[key] = values.get(key, False) or draws.chance(rate)
        effects: dict[str, float] = {}
        for flag, abnormal in values.items():
            if abnormal:
                for key, factor in self._findings[flag].effects:
                    effects[key] = effects.get(key, 1.0) * factor
        renal = values.get("egfr_low", False)

        visit = Visit(
            ward,
            main,
            names[main.key],
            years.get(main.key, 1),
            [(c, names[c.key], years.get(c.key, 1)) for c in others],
            values,
        )
        visit.home = list(regimen.values())
        visit.allergy = allergy
        final: dict[str, Drug] = {}
        owner: dict[str, str] = {}
        gone: set[str] = set()

        def add(key: str, drug: Drug, condition: str) -> bool:
            clash = any(frozenset((drug.name, other.name)) in self._major for other in final.values())
            if clash and not draws.chance(_MAJOR_TAKEN):
                return False
            final[key] = drug
            owner[key] = condition
            return True

        for key, (drug, cause, irregular) in regimen.items():
            keep = (KEEP_IRREGULAR if irregular else KEEP) * min(1.0, effects.get(key, 1.0)) ** 0.7
            if draws.chance(keep) and add(key, drug, cause):
                visit.kept.append(drug)
                continue
            gone.add(key)
            reason, target = self._reason(main, key)
            other = None
            if target != "-":
                target = key if target == "=" else target
                if (target not in final and target not in regimen) or target == key:
                    chosen = self._choose(ward, target, renal, banned)
                    if chosen.name != drug.name and add(target, chosen, cause):
                        other = chosen
            visit.stopped.append((drug, reason, other))
        for condition in [main, *others]:
            share = START_MAIN if condition is main or condition.acute else START_OTHER
            for key, rate in condition.classes:
                if key in final or key in gone or len(final) >= MAX_DRUGS:
                    continue
                if draws.chance(min(0.95, rate * share * effects.get(key, 1.0))):
                    chosen = self._choose(ward, key, renal, banned)
                    if add(key, chosen, condition.key):
                        visit.started.append(chosen)
        if not final:
            key = main.classes[0][0]
            final[key] = self._choose(ward, key, renal, banned)
            owner[key] = main.key
            visit.started.append(final[key])

        self._distract(visit, now, final, regimen, renal)
        regimen.clear()
        for key, drug in final.items():
            if key not in SHORT_COURSE and not draws.chance(0.06) and owner[key] in keys:
                regimen[key] = (drug, owner[key], draws.chance(0.16))

        diagnoses = [names[main.key]] + [names[c.key] for c in others if draws.chance(0.96)]
        for _ in range(draws.below(4)):
            noise = draws.pick(NOISE_DIAGNOSES)
            if noise not in diagnoses:
                diagnoses.append(noise)
        drugs = list(final.values())
        draws.shuffle(drugs)
        return visit, diagnoses, drugs

    def _distract(
        self, visit: Visit, now: list[Condition], final: dict[str, Drug], regimen: Regimen, renal: bool
    ) -> None:
        """Name drugs that are not prescribed: past, only in hospital, considered, denied."""
        draws = self._draws
        taken = {drug.name for drug in final.values()} | {drug.name for drug, _, _ in regimen.values()}

        def other() -> Drug | None:
            key = draws.pick(draws.pick(now).classes)[0]
            drug = self._choose(draws.below(N_WARDS), key, renal, "")
            return None if drug.name in taken else drug

        for place, rate in ((visit.in_hospital, 0.75), (visit.considered, 0.3), (visit.denied, 0.3)):
            while draws.chance(rate):
                drug = other()
                if drug is not None:
                    place.append(drug)
                rate *= 0.6
        rate = 0.6
        while draws.chance(rate):
            rate *= 0.5
            drug = other()
            if drug is not None:
                mates = [one for one in visit.kept if one.group == drug.group]
                visit.past.append((drug, self._reason(visit.main, drug.group)[0], mates[0] if mates else None))
