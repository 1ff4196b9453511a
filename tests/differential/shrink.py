"""Makes a case that differs smaller, as long as it still differs."""
import dataclasses
import time

from case import Sql, Transaction, Wait, with_waits


def kind(difference):
    """What sort of difference it is, so that the shrinker does not end with quite another one."""
    first = difference.splitlines()[0]
    return first.split()[0] if first.startswith(("record", "walrelay", "mark", "streaming")) else first.split()[-1]


def smallest(case, difference, play, seconds=420):
    """(case, its difference): parts are left out one after the other, the big ones first, until nothing more can go or the
    time is up. The difference of the case returned is of the same kind as the first one, but need not be the same."""
    deadline = time.monotonic() + seconds
    best = [case, difference]

    def attempt(candidate):
        candidate = dataclasses.replace(candidate, stream=with_waits(candidate.stream))  # without them, chance would differ
        if candidate == best[0] or time.monotonic() > deadline:
            return False
        outcome = play(candidate)
        if outcome.difference and not outcome.refused and kind(outcome.difference) == kind(difference):
            best[:] = [candidate, outcome.difference]
            return True
        return False

    for _ in range(3):
        before = best[0]
        for part in ("restart", "stream", "setup"):
            if getattr(best[0], part):
                attempt(dataclasses.replace(best[0], **{part: ()}))
        shrink_list(best, attempt, lambda c: c.tables, lambda c, tables: dataclasses.replace(c, tables=tuple(tables)))
        for part in ("stream", "restart", "setup"):
            shrink_list(best, attempt, lambda c, part=part: getattr(c, part), lambda c, steps, part=part: dataclasses.replace(c, **{part: tuple(steps)}))
        shrink_list(best, attempt, lambda c: sorted(c.options), lambda c, names: dataclasses.replace(c, options={n: c.options[n] for n in names}))
        shrink_list(best, attempt, columns, with_columns)
        for part in ("stream", "restart"):
            shrink_transactions(best, attempt, part)
        shrink_list(best, attempt, lambda c: c.prologue, lambda c, texts: dataclasses.replace(c, prologue=tuple(texts)))
        for index, table in enumerate(best[0].tables):
            if table.partitions > 1:
                attempt(with_table(best[0], index, dataclasses.replace(table, partitions=1)))
        if best[0] == before:
            break
    return tuple(best)


def shrink_list(best, attempt, items, with_items):
    """Leaves out halves, quarters … and at last single items."""
    size = len(items(best[0])) // 2 or 1
    while size:
        at = 0
        while at < len(items(best[0])):
            present = list(items(best[0]))
            if not attempt(with_items(best[0], present[:at] + present[at + size:])):
                at += size
        size //= 2


def shrink_transactions(best, attempt, part):
    """Runs the statements of a transaction by themselves, or fewer of them."""
    index = 0
    while index < len(getattr(best[0], part)):
        steps = getattr(best[0], part)
        if isinstance(steps[index], Transaction):
            inner = steps[index].steps
            if attempt(dataclasses.replace(best[0], **{part: steps[:index] + inner + steps[index + 1:]})):
                continue
            for at in range(len(inner) - 1, -1, -1):
                steps = getattr(best[0], part)
                inner = steps[index].steps
                fewer = dataclasses.replace(steps[index], steps=inner[:at] + inner[at + 1:])
                attempt(dataclasses.replace(best[0], **{part: steps[:index] + (fewer,) + steps[index + 1:]}))
        index += 1


def columns(case):
    return [(table.name, column.name) for table in case.tables for column in table.columns if column.name != "id"]


def with_columns(case, kept):
    """The case without the other columns, in tables and statements."""
    for gone in [name for name in columns(case) if name not in kept]:
        table = next(t for t in case.tables if t.name == gone[0])
        case = with_table(case, case.tables.index(table), table.without(gone[1]))
        case = dataclasses.replace(case, **{part: without(getattr(case, part), table.sql_name, table.name, gone[1]) for part in ("setup", "stream", "restart")})
    return case


def with_table(case, index, table):
    return dataclasses.replace(case, tables=case.tables[:index] + (table,) + case.tables[index + 1:])


def without(steps, sql_name, name, column):
    kept = []
    for step in steps:
        if isinstance(step, Transaction):
            step = dataclasses.replace(step, steps=without(step.steps, sql_name, name, column))
        elif not isinstance(step, Wait) and step.table in ((name,) if isinstance(step, Sql) else (sql_name,)):
            step = step.without(column)
        if step is not None:
            kept.append(step)
    return tuple(kept)
