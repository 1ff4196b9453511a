"""Random single message transforms for the differential test.

They leave the mark table alone. Fields and headers are those whose volatile values compare.py knows by their default prefix.
"""
FILTER, ROUTE = "org.apache.kafka.connect.transforms.Filter", "org.apache.kafka.connect.transforms.RegexRouter"
UNWRAP, LOGICAL = "io.debezium.transforms.ExtractNewRecordState", "io.debezium.transforms.ByLogicalTableRouter"
PREDICATES = "org.apache.kafka.connect.transforms.predicates."
TABLES = r".*public.[tr]\d+"
FIELDS = ("op", "table", "lsn", "source.ts_ms", "ts_ms", "txId", "snapshot", "db", "source.version", "schema", "transaction.id", "total_order",
          "data_collection_order", "xmin", "before.id", "after.id", "after.c0", "nothing")


def unwrap(random, is_25, json_headers):
    modes = ["drop", "tombstone", "rewrite", "rewrite-with-tombstone"] + ([] if is_25 else ["delete-to-tombstone"])
    options = {"delete.tombstone.handling.mode": random.choice(modes), "predicate": "tables"}
    if is_25 and random.random() < 0.4:
        options = {"drop.tombstones": random.choice(("true", "false")), "delete.handling.mode": random.choice(("drop", "rewrite", "none")), "predicate": "tables"}
    if not is_25 and random.random() < 0.2:
        options["replace.null.with.default"] = "false"
    if random.random() < 0.6:
        options["add.fields"] = ",".join(random.sample(FIELDS, random.randrange(1, 6)))
    if random.random() < 0.4:
        # Numbers in a header with a schema are not masked.
        known = [field for field in FIELDS if not json_headers or field in ("op", "table", "db", "snapshot", "before.id", "after.id", "after.c0")]
        options["add.headers"] = ",".join(random.sample(known, random.randrange(1, 5)))
    return UNWRAP, options


def logical(random, *_):
    options = {"topic.regex": r"(.*public.)([tr]\d)\d*", "topic.replacement": random.choice(("$1all", "$1$2.x"))}
    if random.random() < 0.3:
        options["key.enforce.uniqueness"] = "false"
    elif random.random() < 0.3:
        options |= {"key.field.name": "from", "key.field.regex": r".*public.(t\d)", "key.field.replacement": "<$1>"}
    if random.random() < 0.3:
        options["schema.name.adjustment.mode"] = random.choice(("avro", "avro_unicode"))
    return LOGICAL, options


def route(random, *_):
    return ROUTE, {"regex": r"(.*?)(public.)(t\d.*)", "replacement": random.choice(("$1$3", "x-$1$2$2y.$3"))}


def filtered(random, *_):
    predicate, negate = random.choice((("tombstone", "false"), ("newkey", "false"), ("oldkey", "false"), ("kept", "true")))
    return FILTER, {"predicate": predicate, "negate": negate}


def make(random, is_25, options):
    """Options of some transforms in any order."""
    kinds = random.sample((unwrap, logical, route, filtered), random.randrange(1, 4))
    json_headers = "header.converter" in options
    made = {f"s{i}": kind(random, is_25, json_headers) for i, kind in enumerate(kinds)}
    predicates = {"tables": ("TopicNameMatches", {"pattern": TABLES}), "kept": ("TopicNameMatches", {"pattern": r"(?!.*public.t0$).*"}),
                  "tombstone": ("RecordIsTombstone", {}), "newkey": ("HasHeaderKey", {"name": "__debezium.newkey"}),
                  "oldkey": ("HasHeaderKey", {"name": "__debezium.oldkey"})}
    flat = {"transforms": ",".join(made), "predicates": ",".join(predicates)}
    for name, (kind, own) in made.items():
        flat[f"transforms.{name}.type"] = kind
        flat |= {f"transforms.{name}.{option}": value for option, value in own.items()}
    for name, (kind, own) in predicates.items():
        flat[f"predicates.{name}.type"] = PREDICATES + kind
        flat |= {f"predicates.{name}.{option}": value for option, value in own.items()}
    return flat
