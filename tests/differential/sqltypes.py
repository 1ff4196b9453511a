"""The column types of the differential test: one entry in KINDS a type, with its SQL, its values and its DEFAULTs.

A value is the text that PostgreSQL's input function takes, None for NULL. Values that no two Java versions print alike are
not made: doubles and floats are short or dyadic (Java 17's algorithm prints others with more digits than they need).
"""
import dataclasses
import datetime
import json
import string

AWKWARD = ["", " ", "NULL", "null", "a", "it's", 'say "so"', "back\\slash", "\\N", "tab\there", "line\nfeed\r", "\x01\x02\x1f\x7f", "ä ß €",
           "\u2028\u2029", "😀", "a😀b\U0010fffd", "e\u0301", "{}", "{a,b}", "<&>", "%s :x $1", "/", "  padded  ", "\ufeffbom", "0", "true"]


@dataclasses.dataclass(frozen=True)
class Kind:
    """One type. `sql(random)` is the text of the declaration, `value(random, sql)` a value of a column declared so."""
    name: str
    sql: object
    value: object
    defaults: tuple = ()      # expressions, beside NULL and a literal of `value`
    key: bool = False         # has a btree operator class, and equal values print alike
    array: bool = True        # may be an array's element
    domain: bool = True
    required: bool = True     # may be NOT NULL
    from_3: bool = False      # mapped by Debezium 3 only
    extension: str = ""
    created: str = ""         # a type of the case's own: its CREATE statement, with {name}
    unknown: bool = False     # Debezium has no mapping for it


def fixed(text):
    return lambda random: text


def one_of(*values):
    return lambda random, sql: random.choice(values)


def text(random, most=40):
    kind = random.random()
    if kind < 0.45:
        return random.choice(AWKWARD)[:most]
    if kind < 0.5 and most >= 40:
        return "".join(random.choice(AWKWARD) for _ in range(6))
    alphabet = random.choice((string.ascii_letters + " ", string.printable.replace("\x0b", "").replace("\x0c", ""), "äöü€😀漢字'\"\\,{}"))
    return "".join(random.choice(alphabet) for _ in range(random.randrange(1, min(most, 30) + 1)))[:most]


def argument(sql, default=None):
    """The numbers in the parentheses of a declaration."""
    if "(" not in sql:
        return default
    return [int(n) for n in sql.split("(")[1].split(")")[0].split(",")]


def integers(bits, low=None):
    low, high = (-(1 << bits - 1) if low is None else low), (1 << bits - 1) - 1
    return lambda random, sql: str(random.choice((low, high, 0, 1, -1 if low < 0 else 1, random.randrange(low, high), random.randrange(0, 1000))))


def double(random):
    """A finite double whose text all versions of Java agree about."""
    if random.random() < 0.3:
        return random.choice(("0", "-0", "1", "-1.5", "1e7", "9999999", "1e-3", "0.0009", "1e21", "100", "4.9e-324", "1.7976931348623157e308"))
    if random.random() < 0.5:
        return repr(random.randrange(-1 << 20, 1 << 20) / random.choice((1, 2, 8, 64)))
    return f"{random.choice(('', '-'))}{random.randrange(10 ** random.choice((1, 3, 7)))}e{random.randrange(-12, 8)}"


def single(random):
    if random.random() < 0.3:
        return random.choice(("0", "-0", "1e7", "9999999", "0.001", "1.4e-45", "3.4028235e38", "1e10"))
    return repr(random.randrange(-1 << 16, 1 << 16) / random.choice((1, 2, 8)))


def with_specials(make):
    return lambda random, sql: random.choice(("NaN", "Infinity", "-Infinity")) if random.random() < 0.15 else make(random)


def decimal(random, precision, scale):
    digits = random.randrange(1, max(precision, 1) + 1)
    number = str(random.choice((0, 1, 10 ** digits - 1, random.randrange(10 ** digits), 10 ** (digits - 1)))).rjust(scale + 1, "0")
    whole, fraction = (number[:-scale], number[-scale:]) if scale else (number, "")
    return random.choice(("", "-")) + whole + ("." + fraction if fraction else "")


def numeric(random, sql):
    bounds = argument(sql)
    if bounds is None:
        if random.random() < 0.15:
            return random.choice(("NaN", "Infinity", "-Infinity", "1" + "0" * 200, "0." + "0" * 100 + "1", "1e-30", "1E+20", "100", "1.500", "0.000"))
        return decimal(random, random.randrange(1, 40), random.randrange(0, 12))
    precision, scale = bounds[0], (bounds[1:] or [0])[0]
    if random.random() < 0.04:
        return "NaN"
    if scale < 0:
        return str(random.randrange(-10 ** precision + 1, 10 ** precision)) + "0" * -scale
    return decimal(random, precision, scale)


def numeric_sql(random):
    if random.random() < 0.3:
        return "numeric"
    precision = random.choice((1, 5, 10, 18, 19, 38, 60))
    return f"numeric({precision},{random.randrange(0, min(precision, 12) + 1)})" if random.random() < 0.85 else f"numeric({precision})"


def date_text(random, low=1, high=9999):
    day = datetime.date.fromordinal(random.choice((1, 577736, 719162, 719163, 735964, 3652059, random.randrange(693596, 760000), random.randrange(1, 3652059))))
    return day.isoformat() if low <= day.year <= high else "2020-02-29"


def date(random, sql):
    if random.random() < 0.2:
        return random.choice(("infinity", "-infinity", "0044-03-15 BC", "4713-11-24 BC", "5874897-12-31", "10000-01-01", "1582-10-10", "1582-10-15", "1900-02-28"))
    return date_text(random)


def clock(random, digits=6):
    seconds = random.choice((0, 1, 86399, random.randrange(86400)))
    fraction = random.choice((0, 0, 1, 120000, 999999, 500000, 123456, random.randrange(1000000)))
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}" + (f".{fraction:06}" if fraction and digits else "")


def time(random, sql):
    return "24:00:00" if random.random() < 0.08 else clock(random)


ZONES = ("+00", "+02", "-08", "+05:30", "-03:30", "+14", "-12", "+01:02:03")


def timetz(random, sql):
    # Zones with seconds make Debezium's task fail.
    return random.choice(("24:00:00+00", "00:00:00+15:59", "23:59:59.999999-15:59", time(random, sql) + random.choice(ZONES[:-1])))


def timestamp(random, sql):
    if random.random() < 0.2:
        return random.choice(("infinity", "-infinity", "0044-03-15 12:00:00 BC", "4713-11-24 00:00:00 BC", "294276-12-31 23:59:59.999998",
                              "10000-01-01 00:00:00", "1582-10-10 01:02:03", "0001-01-01 00:00:00", "1969-12-31 23:59:59.999999", "1970-01-01 00:00:00"))
    return f"{date_text(random)} {clock(random)}"


def timestamptz(random, sql):
    value = timestamp(random, sql)
    if "inf" in value or "294276" in value or "4713" in value:
        return value
    return value.replace(" BC", "+00 BC") if "BC" in value else value + random.choice(ZONES)


def interval(random, sql):
    if random.random() < 0.3:
        return random.choice(("0", "1 mon", "-1 mon", "1 year", "1 day", "-1 day", "-00:00:00.5", "178000000 years", "-178000000 years", "1 year -2 mons 3 days -04:05:06.78",
                              "-1 years +2 mons -3 days +04:05:06.78", "-00:00:01", "00:00:00.000001", "100:00:00"))
    parts = [f"{random.randrange(-50, 50)} {unit}" for unit in ("years", "mons", "days", "hours", "mins", "secs") if random.random() < 0.5]
    return " ".join(parts) or "0"


def money(random, sql):
    return random.choice(("0", "-0.01", "1234.50", "-92233720368547758.08", "92233720368547758.07", "0.1", f"{random.randrange(-10**7, 10**7) / 100:.2f}"))


def bits(length, exact):
    def make(random, sql):
        most = (argument(sql) or [length])[0]
        size = most if exact else random.randrange(0, most + 1)
        return random.choice(("0" * size, "1" * size, "".join(random.choice("01") for _ in range(size))))
    return make


def bytea(random, sql):
    raw = random.choice((b"", b"\x00", b"\xff" * 3, bytes(range(256)), bytes(random.randrange(256) for _ in range(random.randrange(20)))))
    return "\\x" + raw.hex()


def json_value(random, depth=0):
    kind = random.randrange(6 if depth < 3 else 4)
    if kind == 0:
        return random.choice((None, True, False))
    if kind == 1:
        return random.choice((0, -1, 1.5, 123456789012345678, 1e300))
    if kind in (2, 3):
        return random.choice(AWKWARD)
    if kind == 4:
        return [json_value(random, depth + 1) for _ in range(random.randrange(4))]
    return {text(random, 8): json_value(random, depth + 1) for _ in range(random.randrange(4))}


def json_text(random, sql):
    value = json_value(random)
    return random.choice((json.dumps(value), json.dumps(value, ensure_ascii=False, indent=random.choice((None, 1))), '{"b" : 1,  "a":1e5, "b":2}'))


def xml(random, sql):
    return random.choice(("<a/>", "<a b='1'>x &amp; y</a>", "text", "<ä>😀</ä>", "<a>\n</a>", ""))


def hstore(random, sql):
    def quoted(item):
        return '"' + item.replace("\\", "\\\\").replace('"', '\\"') + '"'
    pairs = {text(random, 10): random.choice((None, text(random, 10))) for _ in range(random.choice((0, 1, 2, 5, 14, 30)))}
    return ", ".join(quoted(key) + "=>" + ("NULL" if value is None else quoted(value)) for key, value in pairs.items())


def address(random):
    return random.choice(("192.168.0.1", "10.1.2.3", "::1", "2001:db8::ff00:42:8329", "0.0.0.0", "::ffff:1.2.3.4"))


def network(random, sql):
    return random.choice(("192.168.0.0/24", "10.0.0.0/8", "2001:db8::/32", "0.0.0.0/0", "1.2.3.4"))


def uuid(random, sql):
    return random.choice(("00000000-0000-0000-0000-000000000000", "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF", f"{random.getrandbits(128):032x}"))


def span(make):
    """A range over the values of `make(random) -> (low, high)`."""
    def value(random, sql):
        if random.random() < 0.15:
            return "empty"
        low, high = make(random)
        low, high = random.choice((low, "")), random.choice((high, ""))
        return random.choice("[(") + (f'"{low}"' if low else "") + "," + (f'"{high}"' if high else "") + random.choice("])")
    return value


def two(make):
    return lambda random: sorted((make(random), make(random)))


def numbers(low, high):
    return lambda random: [str(n) for n in sorted((random.randrange(low, high), random.randrange(low, high)))]


def several(value):
    def make(random, sql):
        ranges = [value(random, sql) for _ in range(random.randrange(3))]
        return "{" + ",".join(r for r in ranges) + "}"
    return make


def pair(random):
    return f"({double_small(random)},{double_small(random)})"


def double_small(random):
    return random.choice(("0", "1", "-1.5", "0.25", "1e7", "12345.125", "-0"))


def geometric(form):
    return lambda random, sql: form(random)


def wkt(random, sql):
    shape = random.choice(("POINT(1 2)", "POINT EMPTY", "LINESTRING(0 0,1.5 -2)", "POLYGON((0 0,0 1,1 1,0 0))", "MULTIPOINT(1 1,2 2)", "GEOMETRYCOLLECTION EMPTY",
                           "POINT Z(1 2 3)", "GEOMETRYCOLLECTION(POINT(1 1),LINESTRING(0 0,1 1))"))
    return random.choice(("", "SRID=4326;", "SRID=4326;" if "geography" in sql else "SRID=3857;")) + shape


def tsvector(random, sql):
    return random.choice(("", "'a':1 'fat':2,4B", "'it''s':1A 'ä'", "'x' 'y' 'z'"))


def vector(random, sql):
    return "[" + ",".join(repr(random.randrange(-1 << 12, 1 << 12) / 8) for _ in range((argument(sql) or [3])[0])) + "]"


def sparse(random, sql):
    size = (argument(sql) or [5])[0]
    places = sorted(random.sample(range(1, size + 1), random.randrange(0, size + 1)))
    return "{" + ",".join(f"{place}:{random.randrange(1, 99) / 4}" for place in places) + f"}}/{size}"


def label(random, sql):
    return random.choice(("a", "b c", "x,y", "ä'\"\\", "late"))


def char_n(random, sql):
    return text(random, argument(sql)[0])


def scaled(name, most=6):
    return lambda random: name if random.random() < 0.4 else f"{name}({random.randrange(0, most + 1)})"


def timetz_sql(random):
    return "timetz" if random.random() < 0.4 else f"timetz({random.randrange(7)})"


INTEGER_DEFAULTS = ("0", "'-5'::integer", "(5 + 3)", "7")
TEXT_DEFAULTS = ("''", "'abcdef'", "'x''y'", "'ä😀'", "CURRENT_USER", "lower('ABC')", "('a' || 'b')", "(5)::text", "NULL::text", "E'a\\nb'", "'a\"b\\c'")
TIME_DEFAULTS = ("now()", "CURRENT_TIMESTAMP", "LOCALTIMESTAMP", "(now() AT TIME ZONE 'utc')", "'2019-12-31 22:00:00+00'", "'infinity'", "'2020-01-01 00:00:00.7'")

KINDS = [
    Kind("bool", fixed("boolean"), one_of("t", "f"), ("true", "false", "(NOT true)", "NULL::boolean"), key=True),
    Kind("int2", fixed("smallint"), integers(16), INTEGER_DEFAULTS, key=True),
    Kind("int4", fixed("integer"), integers(32), INTEGER_DEFAULTS + ("('1'::text)::integer",), key=True),
    Kind("int8", fixed("bigint"), integers(64), INTEGER_DEFAULTS + ("'9223372036854775807'::bigint",), key=True),
    Kind("serial", lambda random: random.choice(("serial", "bigserial", "smallserial")), integers(16, 0), array=False, domain=False),
    Kind("oid", fixed("oid"), one_of("0", "1", "4294967295", "2147483648"), ("7",), key=True),
    Kind("float4", fixed("real"), with_specials(single), ("1.5", "'NaN'", "random()", "'1e10'", "0"), key=True),
    Kind("float8", fixed("double precision"), with_specials(double), ("1.5", "'NaN'", "'Infinity'", "random()", "'10000000000'::numeric", "-1"), key=True),
    Kind("numeric", numeric_sql, numeric, ("1.5", "0", "-1", "3", "'1'", "NULL::numeric", "round(1.5)"), key=True),
    Kind("negative_scale", lambda random: f"numeric(5,-{random.randrange(1, 4)})", numeric, required=False),
    Kind("money", fixed("money"), money, ("'1.50'", "0"), key=True),
    Kind("char", lambda random: random.choice(("char(1)", "char(5)", "char(20)")), char_n, ("'a'", "'ab'"), key=True),
    Kind("varchar", lambda random: random.choice(("varchar", "varchar(10)", "varchar(40)")), lambda random, sql: text(random, (argument(sql) or [40])[0]), TEXT_DEFAULTS, key=True),
    Kind("text", fixed("text"), lambda random, sql: text(random), TEXT_DEFAULTS, key=True),
    Kind("quoted_char", fixed('"char"'), one_of("a", "", "z", "\\", "'"), ("'a'",), key=True),
    Kind("name", fixed("name"), lambda random, sql: text(random, 20), ("'a'",)),
    Kind("citext", fixed("citext"), lambda random, sql: text(random), ("'A'",), extension="citext"),
    Kind("isbn", fixed("isbn"), one_of("0-393-04002-X", "978-0-393-04002-9"), extension="isn", array=False),
    Kind("ltree", fixed("ltree"), one_of("", "Top", "Top.Science.Astronomy", "a.b_c.d1"), ("'a.b'",), key=True, extension="ltree"),
    Kind("hstore", fixed("hstore"), hstore, ("''", "'a=>1'"), extension="hstore"),
    Kind("bytea", fixed("bytea"), bytea, ("'\\x01'", "''"), key=True),
    Kind("bit", lambda random: f"bit({random.choice((1, 1, 2, 7, 8, 9, 20, 64, 65))})", bits(1, True), ("B'1'",), key=True),
    Kind("varbit", lambda random: random.choice(("varbit", "varbit(1)", "varbit(9)", "varbit(70)")), bits(40, False), ("B'1'", "''"), key=True),
    Kind("uuid", fixed("uuid"), uuid, ("gen_random_uuid()", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'"), key=True),
    Kind("json", fixed("json"), json_text, ("'{}'", "'{\"a\": 1}'", "NULL")),
    Kind("jsonb", fixed("jsonb"), json_text, ("'{}'", "'{\"a\": 1}'", "jsonb_build_object()", "('{}'::jsonb || '{}'::jsonb)"), key=True),
    Kind("xml", fixed("xml"), xml, ("'<a/>'",)),
    Kind("inet", fixed("inet"), lambda random, sql: address(random), ("'1.2.3.4'",), key=True),
    Kind("cidr", fixed("cidr"), network, key=True),
    Kind("macaddr", fixed("macaddr"), one_of("08:00:2b:01:02:03", "00-00-00-00-00-00", "FFFFFFFFFFFF"), key=True),
    Kind("macaddr8", fixed("macaddr8"), one_of("08:00:2b:01:02:03:04:05", "08:00:2b:01:02:03"), key=True),
    Kind("int4range", fixed("int4range"), span(numbers(-100, 100)), ("'[1,5)'",), key=True),
    Kind("int8range", fixed("int8range"), span(numbers(-10 ** 12, 10 ** 12)), key=True),
    Kind("numrange", fixed("numrange"), span(numbers(-9, 9)), key=True),
    Kind("tsrange", fixed("tsrange"), span(two(lambda random: f"{date_text(random, 1000)} {clock(random)}")), key=True),
    Kind("tstzrange", fixed("tstzrange"), span(two(lambda random: f"{date_text(random, 1000)} {clock(random)}")), key=True),
    Kind("daterange", fixed("daterange"), span(two(lambda random: date_text(random, 1000))), key=True),
    Kind("date", fixed("date"), date, ("CURRENT_DATE", "'2020-01-02'", "'infinity'", "now()", "'0044-03-15 BC'"), key=True),
    Kind("time", scaled("time"), time, ("LOCALTIME", "'01:02:03.7'", "'24:00'"), key=True),
    Kind("timetz", timetz_sql, timetz, ("CURRENT_TIME", "'01:02:03+02'"), key=True),
    Kind("timestamp", scaled("timestamp"), timestamp, TIME_DEFAULTS, key=True),
    Kind("timestamptz", scaled("timestamptz"), timestamptz, TIME_DEFAULTS, key=True),
    Kind("interval", lambda random: random.choice(("interval", "interval(3)", "interval day to second", "interval year")), interval, ("'1 day'", "'-1 mon'", "'0'"), key=True),
    Kind("point", fixed("point"), geometric(pair), ("'(1,2)'",), array=False),
    Kind("geometry", lambda random: "geometry", wkt, extension="postgis"),
    Kind("geography", lambda random: "geography", wkt, extension="postgis"),
    Kind("tsvector", fixed("tsvector"), tsvector, from_3=True),
    Kind("vector", lambda random: random.choice(("vector", "vector(3)")), vector, from_3=True, extension="vector"),
    Kind("halfvec", lambda random: random.choice(("halfvec", "halfvec(3)")), vector, from_3=True, extension="vector"),
    Kind("sparsevec", lambda random: "sparsevec(9)", sparse, from_3=True, extension="vector"),
    Kind("enum", None, label, ("'a'", "'x,y'"), created="create type {name} as enum ('a', 'b c', 'x,y', 'ä''\"\\'); alter type {name} add value 'late' before 'b c'", domain=False, key=True),
    # Without a mapping.
    Kind("composite", None, one_of("(1,x)", "(,)", '(2,"a b")'), created="create type {name} as (a int, b text)", unknown=True, domain=False),
    Kind("own_range", None, span(numbers(1, 50)), created="create type {name} as range (subtype = int2)", unknown=True, domain=False),
    Kind("int4multirange", fixed("int4multirange"), several(span(numbers(-9, 9))), unknown=True),
    Kind("tsquery", fixed("tsquery"), one_of("a & b", "'it''s' | !c", ""), unknown=True),
    Kind("pg_lsn", fixed("pg_lsn"), one_of("0/0", "16/B374D848", "FFFFFFFF/FFFFFFFF"), unknown=True),
    Kind("txid_snapshot", fixed("txid_snapshot"), one_of("10:20:10,14,15"), unknown=True),
    Kind("regclass", fixed("regclass"), one_of("pg_class", "pg_type", "0"), unknown=True),
    Kind("xid", fixed("xid"), one_of("0", "4294967295"), unknown=True),
    Kind("jsonpath", fixed("jsonpath"), one_of("$.a", "$"), unknown=True),
    Kind("box", fixed("box"), geometric(lambda random: f"({pair(random)},{pair(random)})"), unknown=True, array=False),
    Kind("circle", fixed("circle"), geometric(lambda random: f"<{pair(random)},{random.choice((0, 1, 2.5))}>"), unknown=True),
    Kind("line", fixed("line"), one_of("{1,2,3}", "{-1.5,0,0}"), unknown=True),
    Kind("lseg", fixed("lseg"), geometric(lambda random: f"[{pair(random)},{pair(random)}]"), unknown=True),
    Kind("path", fixed("path"), geometric(lambda random: random.choice("[(") and f"[{pair(random)},{pair(random)}]"), unknown=True),
    Kind("polygon", fixed("polygon"), geometric(lambda random: f"({pair(random)},{pair(random)},{pair(random)})"), unknown=True),
]
BY_NAME = {kind.name: kind for kind in KINDS}


def array_value(kind, sql):
    """Values of a one-dimensional array of the kind; more dimensions print a Java identity hash."""
    def value(random):
        items = []
        for _ in range(random.choice((0, 1, 2, 3, 5))):
            item = None if random.random() < 0.15 else kind.value(random, sql)
            items.append("NULL" if item is None else '"' + item.replace("\\", "\\\\").replace('"', '\\"') + '"')
        bounds = "[5:{}]=".format(4 + len(items)) if items and random.random() < 0.1 else ""
        return bounds + "{" + ",".join(items) + "}"
    return value
