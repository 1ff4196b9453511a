"""Random cases for the differential test.

What no two runs of Debezium itself share is avoided here, not masked in the comparison:
- multi-dimensional arrays, VariableScaleDecimal under a StringConverter: a Java identity hash in the text;
- logical messages in transactions with transaction metadata (3.6): their entry's place in END depends on such a hash;
- DDL while one of the programs is behind and the other is not: the catalog shows now, not then (case.Wait);
- rows of a table before its DDL in one transaction: whether a walsender announces the table again before them, and the catalog
  is then read once more, depends on when it hears of the DDL's commit;
- null keys and truncates in topics of several partitions: Connect's producer places them at random;
- doubles that need more digits in Java 17 than in later versions (sqltypes.double);
- the transaction that is open when a program is stopped: where in it Connect's last commit of offsets falls is chance.
What makes Debezium's task fail is avoided as well, where it is known (FORMAT.md §4, §5): the round would end there.
"""
import dataclasses
import json

import sqltypes
import transforms
from case import MARK_TABLE, Case, Column, Default, Delete, Index, Insert, Sql, Table, Transaction, Update, Wait, literal, quote

JSON_CONVERTER = "org.apache.kafka.connect.json.JsonConverter"
STRING_CONVERTER = "org.apache.kafka.connect.storage.StringConverter"
ODD_NAMES = ("größe", "😀 x", 'quo"te', "UPPER", "a-b", "1st", "order", "d.ot")
SIMPLE_ARRAYS = ("bool", "int2", "int4", "int8", "text", "varchar", "float8", "uuid", "date", "jsonb", "inet", "oid", "numeric")


class Generator:
    """One case. `extensions` are those that the server has."""

    def __init__(self, random, version, extensions, size=6):
        self.random, self.version, self.size = random, version, size
        self.is_25 = version.startswith("2.5")
        self.options = self.make_options()
        self.extensions = extensions
        # hstore, ltree, citext and isn come with the server; PostGIS and pgvector cost time, and are asked for now and then.
        self.used = {name for name in extensions if name not in ("postgis", "vector") or random.random() < 0.3}
        self.kinds = [kind for kind in sqltypes.KINDS if not kind.extension or kind.extension in self.used]
        self.prologue = []
        self.created = {}      # kind -> name of the type made for it
        self.live = {}         # table -> ids of its rows
        self.next_id = {}
        self.counter = 0

    def chance(self, probability):
        return self.random.random() < probability

    def number(self):
        self.counter += 1
        return self.counter

    # --- Options ---

    def make_options(self):
        random, options = self.random, {}

        def maybe(probability, name, *values):
            if random.random() < probability:
                options[name] = random.choice(values)
        maybe(0.5, "decimal.handling.mode", "double", "string")
        maybe(0.6, "time.precision.mode", "adaptive_time_microseconds", "connect", *(() if self.is_25 else ("microseconds", "nanoseconds", "isostring")))
        maybe(0.5, "binary.handling.mode", "base64", "base64-url-safe", "hex")
        maybe(0.4, "interval.handling.mode", "string")
        maybe(0.4, "hstore.handling.mode", "map")
        maybe(0.2, "money.fraction.digits", "0", "1", "4")
        maybe(0.4, "include.unknown.datatypes", "true")
        maybe(0.3, "unavailable.value.placeholder", "gone 😀 \"x\"", "hex:00ff41", "hex:00FF", "P")
        maybe(0.3, "tombstones.on.delete", "false")
        maybe(0.25, "skipped.operations", "none", "none", "d", "u", "t,d")
        maybe(0.2, "skip.messages.without.change", "true")
        maybe(0.25, "provide.transaction.metadata", "true")
        maybe(0.2, "schema.name.adjustment.mode", "avro", "avro_unicode")
        maybe(0.15, "field.name.adjustment.mode", "avro", "avro_unicode")
        maybe(0.1, "topic.delimiter", "-", "_")
        maybe(0.1, "extended.headers.enabled", "false")
        maybe(0.1, "snapshot.mode", "never" if self.is_25 else "no_data")
        for side in ("key", "value"):
            if self.chance(0.6):
                options[f"{side}.converter"] = JSON_CONVERTER
                maybe(0.5, f"{side}.converter.schemas.enable", "false")
                maybe(0.3, f"{side}.converter.replace.null.with.default", "false")
                maybe(0.3, f"{side}.converter.decimal.format", "NUMERIC")
        if self.chance(0.1):
            options["key.converter"] = STRING_CONVERTER
            for name in ("schemas.enable", "replace.null.with.default", "decimal.format"):
                options.pop(f"key.converter.{name}", None)
        if self.chance(0.1):
            options["header.converter"] = JSON_CONVERTER
        return options

    def column_options(self, tables):
        """Options that name columns; names with special characters are left alone."""
        random, lists = self.random, {}
        for table in tables:
            if table.schema != "public" or not table.name.isalnum() or not table.name.isascii():
                continue
            columns = [c for c in table.columns if c.name.isalnum() and c.name.isascii() and c.name != "id"]
            for column in columns:
                if self.chance(0.04):
                    lists.setdefault("column.exclude.list", []).append(f"public.{table.name}.{column.name}")
                text = column.kind in ("text", "varchar", "char") and not column.array
                if text and self.chance(0.25):
                    name = random.choice(("column.truncate.to.3.chars", "column.truncate.to.20.chars", "column.mask.with.0.chars", "column.mask.with.5.chars",
                                          "column.mask.hash.SHA-256.with.salt.abc", "column.mask.hash.v2.MD5.with.salt.x.y"))
                    lists.setdefault(name, []).append(f"public.{table.name}.{column.name}")
            if columns and self.chance(0.08):
                keys = random.sample(columns, min(len(columns), random.randrange(1, 3)))
                if not any(c.kind == "numeric" and "key.converter" in self.options for c in keys):
                    lists.setdefault("message.key.columns", []).append(f"public.{table.name}:" + ",".join(c.name for c in keys))
            if self.chance(0.1):
                lists.setdefault("column.propagate.source.type", []).append(f"public\\.{table.name}\\..*")
        if self.chance(0.05):
            lists["datatype.propagate.source.type"] = [r".+\.(VARCHAR|int4|numeric|_text|serial)"]
        for name, values in lists.items():
            self.options[name] = (";" if name == "message.key.columns" else ",").join(values)

    # --- Types ---

    def type_name(self, kind):
        """The name of the case's own type of this kind, made when it is first needed."""
        if kind.name not in self.created:
            name = f"ty{self.number()}"
            self.created[kind.name] = name
            self.prologue.append(kind.created.format(name=name) + ";")
        return self.created[kind.name]

    def make_column(self, name, key=False):
        random = self.random
        kind = random.choice([k for k in self.kinds if k.key and not k.unknown] if key else self.kinds)
        sql = self.type_name(kind) if kind.created else kind.sql(random)
        column = Column(name, sql, kind.name)
        if kind.name == "serial":
            return column
        if not key and kind.array and self.chance(0.2):
            column = dataclasses.replace(column, sql=sql + "[]", array=True)
        elif kind.domain and self.chance(0.08):
            domain = f"dom{self.number()}"
            self.prologue.append(f"CREATE DOMAIN {domain} AS {sql}{' NOT NULL' if key else ''};")
            column = dataclasses.replace(column, sql=domain, domain=sql)
        not_null = key or self.chance(0.3) and self.may_be_required(column)
        default = "" if not self.chance(0.35) else self.make_default(column)
        external = not key and kind.name in ("text", "varchar", "json", "jsonb", "xml", "bytea", "citext", "hstore", "numeric", "varbit", "int4", "int8", "uuid", "date")
        external = external and (column.array or kind.name not in ("int4", "int8", "uuid", "date")) and self.chance(0.5) and not column.domain
        external = external and (not not_null or self.has_placeholder(column))
        return dataclasses.replace(column, not_null=not_null, default=default, external=external)

    def make_default(self, column):
        kind = sqltypes.BY_NAME[column.kind]
        if column.array:
            return "'{}'"
        if kind.defaults and self.chance(0.7):
            return self.random.choice(kind.defaults)
        value = self.value(dataclasses.replace(column, not_null=True, default="", external=False))
        return literal(value) if "\n" not in value else "NULL"

    def may_be_required(self, column):
        """False where a NOT NULL column of this type makes Debezium's task fail, for some value or identity."""
        kind, options = sqltypes.BY_NAME[column.kind], self.options
        if not kind.required or kind.unknown or kind.name in ("sparsevec", "halfvec", "vector"):
            return False
        if column.array:
            return kind.name in SIMPLE_ARRAYS
        if kind.name == "money":
            return not self.is_25 or "decimal.handling.mode" not in options
        if kind.name == "timestamp":
            return options.get("time.precision.mode") != "nanoseconds"
        return column.sql != "varbit(1)" and column.domain != "varbit(1)"

    def has_placeholder(self, column):
        """Whether an unchanged TOAST value of a NOT NULL column of this type can be written."""
        if column.array:
            return column.kind in ("text", "varchar", "jsonb")
        return column.kind in ("text", "varchar", "json", "jsonb", "xml", "citext")

    def value(self, column):
        """A random value of the column; huge ones where it is stored out of line."""
        kind, random = sqltypes.BY_NAME[column.kind], self.random
        if not column.not_null and self.chance(0.15):
            return None
        if column.default and self.chance(0.1):
            return Default()
        sql = column.domain or column.sql.removesuffix("[]")
        if column.external and self.chance(0.5):
            return self.huge(column)
        value = sqltypes.array_value(kind, sql)(random) if column.array else kind.value(random, sql)
        if column.not_null and kind.name == "numeric":
            value = value.replace('"-Infinity"', "0").replace("-Infinity", "0").replace("Infinity", "0").replace("NaN", "0")
        return value

    def huge(self, column):
        unit = {"int4": "1,-2147483648,NULL,", "int8": "9223372036854775807,0,", "date": "2020-01-02,", "uuid": "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11,",
                "numeric": "123456789.5,", "bytea": '"\\\\x00ff",', "varbit": "101,", "hstore": '"a=>1",'}
        if column.array:
            return "{" + (unit.get(column.kind, '"1",') * 700).rstrip(",") + "}"
        size = (sqltypes.argument(column.sql) or [3000])[0]
        plain = {"json": '{"a":"' + "ä" * 2500 + '"}', "jsonb": '{"a":"' + "ä" * 2500 + '"}', "xml": "<a>" + "x" * 3000 + "</a>", "bytea": "\\x" + "00ff" * 2000,
                 "hstore": '"a"=>"' + "x" * 3000 + '"', "numeric": "9" * min(size, 9000), "varbit": "10" * (min(size, 20000) // 2)}
        if column.kind == "numeric" and "(" in column.sql:
            return "1" if column.sql.split("(")[1].split(")")[0].replace(" ", "") != "1,1" else "0.1"
        return plain.get(column.kind) or ("x😀" * 2000)[:min(size, 4000)]

    # --- Tables ---

    def make_table(self, name, schema="public"):
        random = self.random
        names = [f"c{i}" for i in range(random.randrange(1, 13))]
        if self.chance(0.12):
            names.insert(random.randrange(len(names) + 1), random.choice(ODD_NAMES))
        columns = [self.make_column(column) for column in names]
        shape = random.choices(("id", "pair", "unique", "full", "none", "include"), (50, 15, 12, 12, 4, 7))[0]
        if shape in ("pair", "unique") and self.chance(0.7):
            columns.insert(random.randrange(len(columns) + 1), self.make_column("k", key=True))
        if self.chance(0.06) and any(c.kind == "text" and not c.array for c in columns):
            source = next(c for c in columns if c.kind == "text" and not c.array)
            columns.append(Column("gen", "text", "text", generated=f"upper({quote(source.name)})"))
        # No index fits a column that may hold something huge.
        keys = [c.name for c in columns if c.name == "k"]
        id_column = random.choice((Column("id", "integer", "int4", not_null=True), Column("id", "bigint", "int8", not_null=True), Column("id", "integer", "int4", not_null=True, generated="identity"),
                                   Column("id", "serial", "serial", not_null=True), Column("id", "integer", "int4", not_null=True, default="7")))
        columns.insert(0 if self.chance(0.7) else random.randrange(len(columns) + 1), id_column)
        indexes, identity = [], "default"
        pair = tuple(random.sample(["id", *keys], 1 + len(keys)))
        others = tuple(c.name for c in columns if c.name not in pair and not c.external and c.kind in ("int4", "bool", "text") and not c.generated)
        index_name = f"{name.lower() if name.isascii() else 'odd'}i{self.number()}"
        if shape == "id":
            indexes = [Index(index_name, ("id",), primary=True)]
        elif shape == "pair":
            indexes = [Index(index_name, pair, primary=True)]
        elif shape == "include":
            indexes = [Index(index_name, ("id",), others[:1], primary=True)]
        elif shape == "unique":
            indexes = [Index(index_name, pair, others[:1] if self.chance(0.3) else (), "id > 3" if self.chance(0.15) else "")]
            if self.chance(0.3):
                indexes.append(Index(f"{index_name}b", ("id",)))
            identity = "full" if indexes[0].where or self.chance(0.4) else index_name
        elif shape == "full":
            identity = "full"
        if shape != "none" and shape != "unique" and self.chance(0.3):
            identity = "full"
        return Table(name, tuple(columns), tuple(indexes), identity, schema)

    # --- Statements ---

    def row(self, table):
        names = [c for c in table.columns if not c.generated or c.generated == "identity"]
        row = {c.name: self.value(c) for c in names if c.name != "id"}
        row["id"] = str(self.take_id(table))
        return row

    def take_id(self, table):
        self.next_id[table.name] = self.next_id.get(table.name, 0) + 1
        self.live.setdefault(table.name, []).append(self.next_id[table.name])
        return self.next_id[table.name]

    def insert(self, table, rows):
        rows = tuple(self.row(table) for _ in range(rows))
        defaults = any(isinstance(value, Default) for row in rows for value in row.values())
        return Insert(table.sql_name, rows, copy=not defaults and self.chance(0.15))

    def statement(self, table):
        """One statement on the table, which the server accepts in nearly all cases."""
        random, ids = self.random, self.live.setdefault(table.name, [])
        changeable = table.identity in ("full",) or table.identity not in ("default", "nothing") or any(i.primary for i in table.indexes)
        what = random.choices(("insert", "update", "delete", "key", "truncate"), (40, 40, 12, 8, 3))[0]
        if what == "truncate" and table.partitions == 1:
            ids.clear()
            return Sql(f"TRUNCATE {table.sql_name}{random.choice(('', ' RESTART IDENTITY', ' CASCADE'))};", table.name)
        if what == "insert" or not ids or not changeable:
            return self.insert(table, random.choice((1, 1, 1, 2, 5)))
        some = tuple(random.sample(ids, min(len(ids), random.choice((1, 1, 1, 3)))))
        if what == "delete":
            for one in some:
                ids.remove(one)
            return Delete(table.sql_name, some)
        if what == "key":
            ids.remove(some[0])
            values = {"id": str(self.take_id(table))}
            return Update(table.sql_name, some[:1], values)
        columns = [c for c in table.columns if not c.generated and c.name != "id"]
        chosen = random.sample(columns, min(len(columns), random.choice((0, 1, 1, 2, 4))))
        return Update(table.sql_name, some, {c.name: self.value(c) for c in chosen})

    def message(self, transactional):
        prefix, content = self.random.choice(("p", "x", "", "q")), self.random.choice(("", "hello", "ä😀\"", '{"a":1}'))
        return Sql(f"SELECT pg_logical_emit_message({str(transactional).lower()}, {literal(prefix)}, {literal(content)});")

    def steps(self, tables, count, messages=True):
        """Statements and transactions."""
        random, made = self.random, []
        with_metadata = "provide.transaction.metadata" in self.options
        for _ in range(count):
            if messages and self.chance(0.04):
                made.append(self.message(transactional=not with_metadata and self.chance(0.5)))
            elif self.chance(0.5):
                made.append(self.statement(random.choice(tables)))
            else:
                inner = [self.statement(random.choice(tables)) for _ in range(random.randrange(1, 7))]
                if messages and not with_metadata and self.chance(0.08):
                    inner.insert(random.randrange(len(inner) + 1), self.message(self.chance(0.6)))
                if self.chance(0.25):
                    at = random.randrange(len(inner))
                    inner[at:] = [Transaction(tuple(inner[at:]), self.chance(0.6), savepoint=True), self.statement(random.choice(tables))]
                made.append(Transaction(tuple(inner), commit=self.chance(0.9)))
        return made

    # --- DDL ---

    def ddl(self, table):
        """A change of the table: its statements, and the table as it is then (None: dropped)."""
        random, name = self.random, table.sql_name
        columns = [c for c in table.columns if c.name not in ("id", "k") and not c.generated]
        what = random.choice(("add", "add", "drop", "rename", "default", "default", "null", "type", "index", "identity", "table", "comment", "key", "label"))

        def replaced(column, **changes):
            new = dataclasses.replace(column, **changes)
            return dataclasses.replace(table, columns=tuple(new if c.name == column.name else c for c in table.columns))

        def alter(text, column=None):
            return [Sql(f"ALTER TABLE {name} {text};", table.name, (column,) if column else (), ddl=True)]
        if what == "add":
            before = len(self.prologue)
            column = self.make_column(f"n{self.number()}")
            types, self.prologue = self.prologue[before:], self.prologue[:before]
            if column.not_null and not column.default:
                column = dataclasses.replace(column, not_null=False)
            made = [Sql(text, ddl=True) for text in types] + alter(f"ADD COLUMN {column.declaration}")
            return made, dataclasses.replace(table, columns=table.columns + (dataclasses.replace(column, external=False),))
        if what == "identity":
            identity = random.choice(("full", "default") if any(i.primary for i in table.indexes) else ("full",))
            return alter(f"REPLICA IDENTITY {identity.upper()}"), dataclasses.replace(table, identity=identity)
        if what == "index":
            index = Index(f"x{self.number()}", ("id",))
            return [Sql(text, table.name, ddl=True) for text in table.create_index(index)], table
        if what == "key" and table.indexes and table.indexes[0].primary:
            remaining = table.indexes[1:]
            made = alter(f"DROP CONSTRAINT {quote(table.indexes[0].name)}") + alter("REPLICA IDENTITY FULL")
            return made, dataclasses.replace(table, indexes=remaining, identity="full")
        if what == "table":
            new = dataclasses.replace(table, name=f"r{self.number()}")
            self.live[new.name], self.next_id[new.name] = self.live.get(table.name, []), self.next_id.get(table.name, 0)
            return alter(f"RENAME TO {quote(new.name)}"), new
        if what == "label" and "enum" in self.created:
            return [Sql(f"ALTER TYPE {self.created['enum']} ADD VALUE IF NOT EXISTS 'l{self.number()}';", ddl=True)], table
        if not columns or what in ("comment", "label", "key"):
            return [Sql(f"COMMENT ON TABLE {name} IS 'x';", table.name, ddl=True)], table
        column = random.choice(columns)
        quoted = quote(column.name)
        if what == "drop":
            return alter(f"DROP COLUMN {quoted} CASCADE", column.name), table.without(column.name)
        if what == "rename":
            new = f"m{self.number()}"
            return alter(f"RENAME COLUMN {quoted} TO {new}", column.name), replaced(column, name=new)
        if what == "null":
            if column.not_null:
                return alter(f"ALTER COLUMN {quoted} DROP NOT NULL", column.name), replaced(column, not_null=False)
            if self.may_be_required(column) and not column.external:
                clear = Sql(f"DELETE FROM {name} WHERE {quoted} IS NULL;", table.name, (column.name,)) if table.identity == "full" else None
                return ([clear] if clear else []) + alter(f"ALTER COLUMN {quoted} SET NOT NULL", column.name), table
        if what == "type" and column.kind in ("int2", "int4", "varchar", "char") and not column.array and not column.domain:
            kind, sql = {"int2": ("int4", "integer"), "int4": ("int8", "bigint"), "varchar": ("text", "text"), "char": ("text", "text")}[column.kind]
            return alter(f"ALTER COLUMN {quoted} TYPE {sql}", column.name), replaced(column, kind=kind, sql=sql)
        if column.kind == "serial":
            return alter(f"ALTER COLUMN {quoted} DROP DEFAULT", column.name), replaced(column, default="")
        default = self.make_default(column)
        if self.chance(0.3):
            return alter(f"ALTER COLUMN {quoted} DROP DEFAULT", column.name), replaced(column, default="")
        return alter(f"ALTER COLUMN {quoted} SET DEFAULT {default}", column.name), replaced(column, default=default)

    def with_ddl(self, tables, count, waits):
        """Steps with DDL between and inside of transactions; the tables as they are then."""
        random, made, tables = self.random, [], list(tables)
        for _ in range(count):
            at = random.randrange(len(tables))
            before = self.steps(tables, random.randrange(1, 4), messages=False)
            others = tables[:at] + tables[at + 1:] if waits else tables
            inner_before = [self.statement(random.choice(others))] if others and self.chance(0.5) else []
            changes, table = self.ddl(tables[at])
            if table is not None:
                tables[at] = table
            inner_after = [self.statement(tables[at])] if self.chance(0.6) else []
            made += before + ([Wait()] if waits else [])
            labels = any("ADD VALUE" in change.text for change in changes if isinstance(change, Sql))
            if not labels and self.chance(0.4):
                made.append(Transaction(tuple(inner_before + changes + inner_after), commit=True))
            else:
                made += inner_before + ([Wait()] if waits and inner_before else []) + changes + inner_after
        return made, tables

    # --- The case ---

    def make(self):
        random = self.random
        names = [f"t{i}" for i in range(random.randrange(1, self.size + 1))]
        if self.chance(0.1):
            names.append(random.choice(("Tä", "t-x", "T.x", "t 😀")))
        schemas = ["public"] + (["s2"] if self.chance(0.2) else [])
        if "s2" in schemas:
            self.prologue.append("CREATE SCHEMA s2;")
        tables = [self.make_table(name, random.choice(schemas)) for name in names]
        self.column_options(tables)
        if self.options.get("key.converter") == STRING_CONVERTER:
            tables = [t for t in tables if not any(c.kind in ("numeric", "negative_scale") for c in t.columns)] or [self.plain_table()]
        if self.chance(0.25):
            self.options |= transforms.make(random, self.is_25, self.options)
        tables = [self.with_partitions(table) for table in tables]  # DDL may take the key away: see keyless()
        setup = [self.insert(table, random.randrange(1, 5)) for table in tables if self.chance(0.8)]
        stream = self.steps(tables, random.randrange(5, 25))
        now = tables
        if self.chance(0.6):
            changes, now = self.with_ddl(tables, random.randrange(1, 4), waits=True)
            stream += changes + self.steps(now, random.randrange(2, 6))
        restart = []
        if self.chance(0.35):
            restart, now = self.with_ddl(now, random.randrange(0, 4), waits=False)
            restart += self.steps(now, random.randrange(2, 6))
            if self.chance(0.2):
                restart.append(Sql(f"DROP TABLE {now[0].sql_name};", now[0].name, ddl=True))
        tables = [self.keyless(table, stream + restart) for table in tables]
        extensions = [f"CREATE EXTENSION IF NOT EXISTS {name};" for name in sorted(self.needed(tables, stream + restart))]
        if "CREATE EXTENSION IF NOT EXISTS postgis;" in extensions:
            self.options["table.exclude.list"] = "public.spatial_ref_sys"
        return Case(tuple(tables), tuple(extensions + self.prologue), tuple(setup), tuple(stream), tuple(restart), self.options)

    def plain_table(self):
        return Table("plain", (Column("id", "integer", "int4", not_null=True), Column("v", "text", "text")), (Index("plainpk", ("id",), primary=True),))

    def with_partitions(self, table):
        """Several partitions where every record has a key."""
        keyed = bool(table.indexes) and table.name.isascii() and table.name.isalnum()
        listed = f".{table.name}:" in self.options.get("message.key.columns", "")
        return dataclasses.replace(table, partitions=self.random.choice((1, 1, 3, 6)) if keyed and not listed else 1)

    def keyless(self, table, steps):
        """The table with one partition where rows of it may be read when the catalog shows no key, or no table."""
        texts = [step.sql() for step in steps]
        loses = any(word in text and table.sql_name in text for text in texts for word in ("RENAME TO", "DROP CONSTRAINT", "DROP TABLE", "TRUNCATE"))
        return dataclasses.replace(table, partitions=1) if loses else table

    def needed(self, tables, steps):
        """The extensions whose types occur: those of the tables, and those that DDL may bring."""
        text = json.dumps([c.sql + c.domain for t in tables for c in t.columns]) + " ".join(step.sql() for step in steps) + " ".join(self.prologue)
        return {k.extension for k in sqltypes.KINDS if k.extension and k.extension in self.used and k.name in text}


def mark_sql(number, options):
    """Moves the mark table on by an operation that the options let through."""
    skipped = options.get("skipped.operations", "t").split(",")
    if "u" in skipped:
        return f"INSERT INTO {MARK_TABLE} VALUES ({number + 1}, {number});"
    return f"UPDATE {MARK_TABLE} SET n = {number} WHERE id = 1;"
