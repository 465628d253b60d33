# mypy: allow-untyped-defs
"""Sets of greatest utility with few interacting pairs: branch and bound over bit masks.

A record's drugs that take part in an interaction are numbered 0…63 in label order and a subset of
them is the bits of one ``uint64``. Utilities are integers, so that equal is equal: of several best
sets the one with more drugs wins, then the one that holds the lower label.

For a connected group of drugs the solver maximises ``scale * utility - price * pairs`` with at most
``budget`` pairs, where a pair is an interaction between two kept drugs or between a kept drug and one
already taken. With ``price = 0`` and ``budget = 0`` this is the maximum-weight independent set.

Bound: give every interaction e between undecided drugs a weight y_e ≥ 0 such that the weights around
no drug exceed its utility. A set that avoids e loses one of its ends, so the loss is at least the sum
of y_e, less the ``budget`` largest that may be afforded; with a price, y_e ≤ price. For any price
``aid`` ≥ 0 the best utility within a budget is at most the best utility less price, plus
``aid * budget`` (Lagrange): a second bound, tight where ``aid`` is the slope of the hull at the budget.
"""

import numpy as np
from numba import njit

UNLIMITED = 1 << 40
MAX_DRUGS = 64
LARGE = 14  # groups from here on are worth a hull before the search
OK, TOO_MANY, TOO_LONG = 0, 1, 2

_ZERO = np.uint64(0)
_ONE = np.uint64(1)
_M1 = np.uint64(0x5555555555555555)
_M2 = np.uint64(0x3333333333333333)
_M4 = np.uint64(0x0F0F0F0F0F0F0F0F)
_H = np.uint64(0x0101010101010101)


@njit(nogil=True, cache=True)
def _count(bits):
    bits = bits - ((bits >> np.uint64(1)) & _M1)
    bits = (bits & _M2) + ((bits >> np.uint64(2)) & _M2)
    bits = (bits + (bits >> np.uint64(4))) & _M4
    return np.int64((bits * _H) >> np.uint64(56))


@njit(nogil=True, cache=True)
def _lowest(bits):
    return _count((bits & (~bits + _ONE)) - _ONE)


@njit(nogil=True, cache=True)
def _bit(i):
    return _ONE << np.uint64(i)


@njit(nogil=True, cache=True)
def _preferred(one, two):
    """Whether, of two sets of equal utility and size, ``one`` holds the lowest label they differ in."""
    differ = one ^ two
    return (one & differ & (~differ + _ONE)) != _ZERO


@njit(nogil=True, cache=True)
def _pairs_of(members, adjacent, taken):
    total = np.int64(0)
    rest = members
    while rest != _ZERO:
        i = _lowest(rest)
        rest &= rest - _ONE
        total += taken[i] + _count(adjacent[i] & rest)
    return total


@njit(nogil=True, cache=True)
def _utility_of(members, utility):
    total = np.int64(0)
    rest = members
    while rest != _ZERO:
        total += utility[_lowest(rest)]
        rest &= rest - _ONE
    return total


@njit(nogil=True, cache=True)
def _at_price(undecided, chosen, adjacent, utility, taken, scale, price, left):
    """Bound on scale · utility − price · pairs that the undecided drugs can add."""
    bound = np.int64(0)
    rest = undecided
    while rest != _ZERO:
        i = _lowest(rest)
        rest &= rest - _ONE
        left[i] = max(0, scale * utility[i] - price * (taken[i] + _count(adjacent[i] & chosen)))
        bound += left[i]
    rest = undecided
    while rest != _ZERO:
        i = _lowest(rest)
        rest &= rest - _ONE
        near = adjacent[i] & rest
        while near != _ZERO and left[i] > 0:
            j = _lowest(near)
            near &= near - _ONE
            charge = min(left[i], left[j], price)
            left[i] -= charge
            left[j] -= charge
            bound -= charge
    return bound


@njit(nogil=True, cache=True)
def _within_budget(undecided, chosen, adjacent, utility, taken, slack, left, top):
    """Bound on the utility that the undecided drugs can add with at most ``slack`` more pairs."""
    bound, loss, n_top = np.int64(0), np.int64(0), np.int64(0)
    keep_top = min(slack, np.int64(len(top)))
    rest = undecided
    while rest != _ZERO:
        i = _lowest(rest)
        rest &= rest - _ONE
        left[i] = utility[i]
        bound += left[i]
        if taken[i] + _count(adjacent[i] & chosen) > 0:
            loss, n_top = _charge(left[i], loss, top, n_top, keep_top)
            left[i] = 0
    rest = undecided
    while rest != _ZERO:
        i = _lowest(rest)
        rest &= rest - _ONE
        near = adjacent[i] & rest
        while near != _ZERO and left[i] > 0:
            j = _lowest(near)
            near &= near - _ONE
            charge = min(left[i], left[j])
            if charge > 0:
                left[i] -= charge
                left[j] -= charge
                loss, n_top = _charge(charge, loss, top, n_top, keep_top)
    return bound - loss


@njit(nogil=True, cache=True)
def _best_subset(group, adjacent, utility, taken, budget, scale, price, aid, start, max_nodes, work):
    """The best subset of ``group``; ``start`` is a feasible one. Second value: nodes visited."""
    left, top = work[0], work[1]
    open_mask = np.empty(MAX_DRUGS + 2, dtype=np.uint64)
    chosen_mask = np.empty(MAX_DRUGS + 2, dtype=np.uint64)
    spent = np.empty(MAX_DRUGS + 2, dtype=np.int64)
    best = start
    best_value = scale * _utility_of(best, utility) - price * _pairs_of(best, adjacent, taken)
    best_size = _count(best)
    depth = 1
    open_mask[0], chosen_mask[0], spent[0] = group, _ZERO, 0
    value_at = np.empty(MAX_DRUGS + 2, dtype=np.int64)
    value_at[0] = 0
    nodes = np.int64(0)
    while depth > 0:
        depth -= 1
        undecided, chosen, pairs, value = open_mask[depth], chosen_mask[depth], spent[depth], value_at[depth]
        nodes += 1
        if nodes > max_nodes:
            break
        # What is decided by itself: drugs over budget or not worth their price go, drugs in the way of
        # nobody, or worth more than all in their way, come.
        changed = True
        while changed:
            changed = False
            rest = undecided
            while rest != _ZERO:
                i = _lowest(rest)
                rest &= rest - _ONE
                cost = taken[i] + _count(adjacent[i] & chosen)
                gain = scale * utility[i] - price * cost
                if pairs + cost > budget or gain < 0:
                    undecided &= ~_bit(i)
                    changed = True
                elif cost == 0:
                    rival = np.int64(0)
                    near = adjacent[i] & undecided
                    alone = near == _ZERO
                    while near != _ZERO:
                        rival += scale * utility[_lowest(near)]
                        near &= near - _ONE
                    if alone or gain > rival:
                        # With a budget or price the rivals may still come: only the choice of i is settled.
                        undecided &= ~_bit(i)
                        chosen |= _bit(i)
                        value += gain
                        changed = True
        if undecided == _ZERO:
            size = _count(chosen)
            if value > best_value or (
                value == best_value and (size > best_size or (size == best_size and _preferred(chosen, best)))
            ):
                best, best_value, best_size = chosen, value, size
            continue
        slack = budget - pairs
        if budget < UNLIMITED:
            bound = value + _within_budget(undecided, chosen, adjacent, utility, taken, slack, left, top)
            if aid > 0 and bound >= best_value:
                other = aid * slack + _at_price(undecided, chosen, adjacent, utility, taken, 1, aid, left)
                bound = min(bound, value + other)
        else:
            bound = value + _at_price(undecided, chosen, adjacent, utility, taken, scale, price, left)
        if bound < best_value:
            continue
        if bound == best_value:
            all_left = chosen | undecided
            size = _count(all_left)
            if size < best_size or (size == best_size and not _preferred(all_left, best)):
                continue
        branch, branch_degree = np.int64(-1), np.int64(-1)
        rest = undecided
        while rest != _ZERO:
            i = _lowest(rest)
            rest &= rest - _ONE
            degree = taken[i] + _count(adjacent[i] & (undecided | chosen))
            if degree > branch_degree:
                branch, branch_degree = i, degree
        cost = taken[branch] + _count(adjacent[branch] & chosen)
        gain = scale * utility[branch] - price * cost
        undecided &= ~_bit(branch)
        open_mask[depth], chosen_mask[depth], spent[depth], value_at[depth] = undecided, chosen, pairs, value
        depth += 1
        open_mask[depth], chosen_mask[depth] = undecided, chosen | _bit(branch)
        spent[depth], value_at[depth] = pairs + cost, value + gain
        depth += 1
    return best, nodes


@njit(nogil=True, cache=True)
def _charge(weight, loss, top, n_top, keep_top):
    """Adds a weight to the loss, except the ``keep_top`` largest, which are held sorted in ``top``."""
    if keep_top == 0:
        return loss + weight, n_top
    if n_top == keep_top:
        if weight <= top[n_top - 1]:
            return loss + weight, n_top
        loss += top[n_top - 1]
        n_top -= 1
    at = n_top
    while at > 0 and top[at - 1] < weight:
        top[at] = top[at - 1]
        at -= 1
    top[at] = weight
    return loss, n_top + 1


@njit(nogil=True, cache=True)
def _greedy_subset(group, adjacent, utility, taken, budget):
    """Best first: the drug of greatest utility (then lowest label) that the budget still allows."""
    chosen, rest, pairs = _ZERO, group, np.int64(0)
    while rest != _ZERO:
        pick, scan = np.int64(-1), rest
        while scan != _ZERO:
            i = _lowest(scan)
            scan &= scan - _ONE
            if pick < 0 or utility[i] > utility[pick]:
                pick = i
        rest &= ~_bit(pick)
        cost = taken[pick] + _count(adjacent[pick] & chosen)
        if pairs + cost <= budget:
            chosen |= _bit(pick)
            pairs += cost
    return chosen


@njit(nogil=True, cache=True)
def _load(record, sets, graph, context, place, held, slots, adjacent, taken):
    """The record's drugs that interact, as bits. Returns their number, or -1 when there are too many.

    ``held[label]`` is ``2 * record`` for a drug already taken and ``2 * record + 1`` for a candidate.
    """
    indptr, indices = sets
    near_ptr, near = graph
    taken_ptr, taken_drugs = context
    first, last = indptr[record], indptr[record + 1]
    for at in range(first, last):
        held[indices[at]] = 2 * record + 1
    for at in range(taken_ptr[record], taken_ptr[record + 1]):
        held[taken_drugs[at]] = 2 * record
    count = 0
    for at in range(first, last):
        drug = indices[at]
        if held[drug] != 2 * record + 1:
            continue
        for edge in range(near_ptr[drug], near_ptr[drug + 1]):
            if held[near[edge]] >> 1 == record:
                if count < MAX_DRUGS:
                    slots[count] = at
                    place[drug] = count
                count += 1
                break
    if count > MAX_DRUGS:
        return -1
    for i in range(count):
        drug = indices[slots[i]]
        adjacent[i] = _ZERO
        taken[i] = 0
        for edge in range(near_ptr[drug], near_ptr[drug + 1]):
            other = near[edge]
            if held[other] == 2 * record + 1:
                adjacent[i] |= _bit(place[other])
            elif held[other] == 2 * record:
                taken[i] += 1
    return count


@njit(nogil=True, cache=True)
def _group_of(i, adjacent):
    """The connected group of drug ``i``."""
    group = _bit(i)
    border = group
    while border != _ZERO:
        j = _lowest(border)
        border &= border - _ONE
        fresh = adjacent[j] & ~group
        group |= fresh
        border |= fresh
    return group


@njit(nogil=True, cache=True)
def safe_sets(sets, utility, graph, context, n_labels, budget, price, max_nodes, keep, status):
    """For each record the subset that maximises utility − price · pairs with at most ``budget`` pairs.

    Parameters
    ----------
    sets, graph, context : (indptr, indices)
        CSR, sorted, without duplicates: candidates (n_records, n_labels), interactions (n_labels,
        n_labels) and drugs already taken (n_records, n_labels).
    utility : int64 array of shape (nnz of sets,)
        Not negative.
    n_labels, budget, price, max_nodes : int
        ``budget`` of ``UNLIMITED`` and ``price`` of 0 mean none; one of the two at a time.
    keep : bool array of shape (nnz of sets,)
        All true on entry; false where a drug goes, on return.
    status : int8 array of shape (n_records,)
        ``OK``, ``TOO_MANY`` interacting drugs, or ``TOO_LONG`` (more than ``max_nodes`` nodes).
    """
    place = np.zeros(n_labels, dtype=np.int64)
    held = np.full(n_labels, -2, dtype=np.int64)
    slots = np.zeros(MAX_DRUGS, dtype=np.int64)
    adjacent = np.zeros(MAX_DRUGS, dtype=np.uint64)
    taken = np.zeros(MAX_DRUGS, dtype=np.int64)
    worth = np.zeros(MAX_DRUGS, dtype=np.int64)
    work = np.zeros((2, 2100), dtype=np.int64)  # 64 drugs have 2,016 pairs
    for record in range(len(sets[0]) - 1):
        count = _load(record, sets, graph, context, place, held, slots, adjacent, taken)
        if count < 0:
            status[record] = TOO_MANY
            continue
        if count == 0:
            continue
        everything = _ZERO
        for i in range(count):
            worth[i] = utility[slots[i]]
            everything |= _bit(i)
        total = _pairs_of(everything, adjacent, taken)
        if price == 0 and total <= budget:
            continue
        chosen = _ZERO
        if budget == 0 or budget >= UNLIMITED:
            rest = everything
            while rest != _ZERO:
                group = _group_of(_lowest(rest), adjacent)
                rest &= ~group
                start = _greedy_subset(group, adjacent, worth, taken, 0)
                part, nodes = _best_subset(group, adjacent, worth, taken, budget, 1, price, 0, start, max_nodes, work)
                if nodes > max_nodes:
                    status[record] = TOO_LONG
                chosen |= part
        else:
            chosen, fine = _share_budget(everything, adjacent, worth, taken, budget, max_nodes, work)
            if not fine:
                status[record] = TOO_LONG
        for i in range(count):
            keep[slots[i]] = (chosen & _bit(i)) != _ZERO


@njit(nogil=True, cache=True)
def _hull(group, adjacent, utility, taken, max_nodes, work, hull, ends):
    """The sets on the upper hull of (pairs, utility), from no pair to the whole group.

    Each is the best for its number of pairs. Returns their number and whether all searches ended.
    """
    start = _greedy_subset(group, adjacent, utility, taken, 0)
    low, nodes = _best_subset(group, adjacent, utility, taken, 0, 1, 0, 0, start, max_nodes, work)
    fine = nodes <= max_nodes
    hull[0] = low
    n_hull = 1
    ends[0] = group
    n_ends = 1
    while n_ends > 0:
        high = ends[n_ends - 1]
        pairs = _pairs_of(low, adjacent, taken)
        more = _pairs_of(high, adjacent, taken) - pairs
        gain = _utility_of(high, utility) - _utility_of(low, utility)
        level = more * _utility_of(low, utility) - gain * pairs
        middle, nodes = _best_subset(group, adjacent, utility, taken, UNLIMITED, more, gain, 0, low, max_nodes, work)
        fine = fine and nodes <= max_nodes
        reached = more * _utility_of(middle, utility) - gain * _pairs_of(middle, adjacent, taken)
        if reached > level and n_ends < len(ends):
            ends[n_ends] = middle
            n_ends += 1
        elif n_hull < len(hull):
            low = high
            hull[n_hull] = high
            n_hull += 1
            n_ends -= 1
        else:
            return n_hull, False
    return n_hull, fine


@njit(nogil=True, cache=True)
def _share_budget(everything, adjacent, utility, taken, budget, max_nodes, work):
    """The best set of a record: each group solved for every number of pairs, then a knapsack over groups."""
    held_mask = np.zeros(budget + 1, dtype=np.uint64)
    held_value = np.zeros(budget + 1, dtype=np.int64)
    new_mask = np.zeros(budget + 1, dtype=np.uint64)
    new_value = np.zeros(budget + 1, dtype=np.int64)
    hull = np.zeros(4096, dtype=np.uint64)
    ends = np.zeros(4096, dtype=np.uint64)
    rest = everything
    fine = True
    while rest != _ZERO:
        group = _group_of(_lowest(rest), adjacent)
        rest &= ~group
        most = min(budget, _pairs_of(group, adjacent, taken))
        for total in range(budget + 1):
            new_value[total] = -1
        n_hull = 0
        if _count(group) >= LARGE and most > 0:
            n_hull, good = _hull(group, adjacent, utility, taken, max_nodes, work, hull, ends)
            fine = fine and good
        at = 0
        part = _ZERO
        for share in range(most + 1):
            aid = np.int64(0)
            while at + 1 < n_hull and _pairs_of(hull[at + 1], adjacent, taken) <= share:
                at += 1
            if n_hull > 0 and _pairs_of(hull[at], adjacent, taken) == share:
                part = hull[at]
            else:
                if at + 1 < n_hull:
                    low, high = hull[at], hull[at + 1]
                    aid = (_utility_of(high, utility) - _utility_of(low, utility)) // (
                        _pairs_of(high, adjacent, taken) - _pairs_of(low, adjacent, taken)
                    )
                greedy = _greedy_subset(group, adjacent, utility, taken, share)
                if share == 0 or _utility_of(greedy, utility) > _utility_of(part, utility):
                    part = greedy
                part, nodes = _best_subset(group, adjacent, utility, taken, share, 1, 0, aid, part, max_nodes, work)
                fine = fine and nodes <= max_nodes
            value = _utility_of(part, utility)
            for total in range(share, budget + 1):
                mask = held_mask[total - share] | part
                sum_value = held_value[total - share] + value
                size, old = _count(mask), _count(new_mask[total])
                if sum_value > new_value[total] or (
                    sum_value == new_value[total]
                    and (size > old or (size == old and _preferred(mask, new_mask[total])))
                ):
                    new_value[total], new_mask[total] = sum_value, mask
        for total in range(budget + 1):
            held_mask[total], held_value[total] = new_mask[total], new_value[total]
    return held_mask[budget], fine


@njit(nogil=True, cache=True)
def price_steps(sets, utility, graph, context, n_labels, max_nodes, keep, status, steps, masks):
    """For each group of interacting drugs, the best sets at every price of a pair, from dear to cheap.

    ``keep`` becomes the best sets without any pair. Each step replaces a group's set by the next one:
    a row of ``steps`` (record, pairs gained, utility gained, drugs gained) and of ``masks`` (the group,
    its new set). The ratio utility gained / pairs gained falls from step to step of a group.

    Returns
    -------
    n_steps : int
    """
    place = np.zeros(n_labels, dtype=np.int64)
    held = np.full(n_labels, -2, dtype=np.int64)
    slots = np.zeros(MAX_DRUGS, dtype=np.int64)
    adjacent = np.zeros(MAX_DRUGS, dtype=np.uint64)
    taken = np.zeros(MAX_DRUGS, dtype=np.int64)
    worth = np.zeros(MAX_DRUGS, dtype=np.int64)
    work = np.zeros((2, 2100), dtype=np.int64)  # 64 drugs have 2,016 pairs
    hull = np.zeros(4096, dtype=np.uint64)
    ends = np.zeros(4096, dtype=np.uint64)
    n_steps = 0
    for record in range(len(sets[0]) - 1):
        count = _load(record, sets, graph, context, place, held, slots, adjacent, taken)
        if count < 0:
            status[record] = TOO_MANY
            continue
        rest = _ZERO
        for i in range(count):
            worth[i] = utility[slots[i]]
            rest |= _bit(i)
        chosen = _ZERO
        while rest != _ZERO:
            group = _group_of(_lowest(rest), adjacent)
            rest &= ~group
            n_hull, fine = _hull(group, adjacent, worth, taken, max_nodes, work, hull, ends)
            if not fine:
                status[record] = TOO_LONG
            chosen |= hull[0]
            for step in range(1, n_hull):
                low, high = hull[step - 1], hull[step]
                steps[n_steps, 0] = record
                steps[n_steps, 1] = _pairs_of(high, adjacent, taken) - _pairs_of(low, adjacent, taken)
                steps[n_steps, 2] = _utility_of(high, worth) - _utility_of(low, worth)
                steps[n_steps, 3] = _count(high) - _count(low)
                masks[n_steps, 0] = group
                masks[n_steps, 1] = high
                n_steps += 1
        for i in range(count):
            keep[slots[i]] = (chosen & _bit(i)) != _ZERO
    return n_steps


@njit(nogil=True, cache=True)
def take_steps(order, steps, masks, n_taken, sets, graph, context, n_labels, keep):
    """Apply the first ``n_taken`` steps of ``order`` to ``keep``."""
    n_records = len(sets[0]) - 1
    place = np.zeros(n_labels, dtype=np.int64)
    held = np.full(n_labels, -2, dtype=np.int64)
    slots = np.zeros(MAX_DRUGS, dtype=np.int64)
    adjacent = np.zeros(MAX_DRUGS, dtype=np.uint64)
    taken = np.zeros(MAX_DRUGS, dtype=np.int64)
    cleared = np.zeros(n_records, dtype=np.uint64)
    put = np.zeros(n_records, dtype=np.uint64)
    for step in order[:n_taken]:
        record = steps[step, 0]
        cleared[record] |= masks[step, 0]
        put[record] = (put[record] & ~masks[step, 0]) | masks[step, 1]
    for record in range(n_records):
        if cleared[record] == _ZERO:
            continue
        count = _load(record, sets, graph, context, place, held, slots, adjacent, taken)
        for i in range(count):
            if cleared[record] & _bit(i) != _ZERO:
                keep[slots[i]] = (put[record] & _bit(i)) != _ZERO
