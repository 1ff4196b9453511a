"""A mix of inserts, updates, deletes, key changes and rollbacks by several writers on the four tables of the shop arrives:
afterwards EXCEPT is empty both ways between source, lake and target."""
import psycopg2
from harness import SHOP, Load, envelope

# Each writer owns its customers, so that no foreign key is broken by another one; products are everybody's.


def some(cursor, writer, sql):
    cursor.execute(sql, {"mine": f"writer{writer.number}-%"})
    rows = cursor.fetchall()
    return writer.random.choice(rows)[0] if rows else None


MY_CUSTOMERS = "SELECT id FROM customers WHERE email LIKE %(mine)s ORDER BY id"
MY_ORDERS = "SELECT o.id FROM orders o JOIN customers c ON c.id = o.customer_id WHERE c.email LIKE %(mine)s ORDER BY o.id"


def add_customer(cursor, writer):
    writer.serial = getattr(writer, "serial", 0) + 1
    cursor.execute("INSERT INTO customers (first_name, last_name, email) VALUES (%s, %s, %s)",
                   ["Ann", "O'Hara \\ \"quoted\"\n\té", f"writer{writer.number}-{writer.serial}@example.com"])


def add_order(cursor, writer):
    if customer := some(cursor, writer, MY_CUSTOMERS):
        cursor.execute("INSERT INTO orders (customer_id, total_amount) VALUES (%s, %s) RETURNING id",
                       [customer, writer.random.randrange(1, 10**9) / 100])
        order = cursor.fetchone()[0]
        cursor.execute("INSERT INTO order_items (order_id, product_id, quantity, unit_price)"
                       " SELECT %s, 1 + n %% 5, n, 9.99 FROM generate_series(1, %s) n", [order, writer.random.randrange(1, 20)])


def update_customer(cursor, writer):
    if customer := some(cursor, writer, MY_CUSTOMERS):
        cursor.execute("UPDATE customers SET last_name = %s, updated_at = clock_timestamp() WHERE id = %s",
                       [f"name {writer.random.random()}", customer])


def update_products(cursor, writer):
    cursor.execute("UPDATE products SET stock_quantity = stock_quantity - 1, description = nullif(description, %s) WHERE id = %s",
                   [writer.random.choice(("", "27-inch 4K monitor")), writer.random.randrange(1, 6)])


def big_text(cursor, writer):
    """A value that is stored apart (TOAST), which later updates do not send again."""
    if writer.random.random() < 0.5:
        cursor.execute("UPDATE products SET description = (SELECT string_agg(md5(n::text || %s), '') FROM generate_series(1, 200) n)"
                       " WHERE id = %s", [str(writer.random.random()), writer.random.randrange(1, 6)])
    else:
        cursor.execute("UPDATE products SET price = price + 0.01 WHERE id = %s", [writer.random.randrange(1, 6)])


def delete_order(cursor, writer):
    if order := some(cursor, writer, MY_ORDERS):
        cursor.execute("DELETE FROM order_items WHERE order_id = %s", [order])
        cursor.execute("DELETE FROM orders WHERE id = %s", [order])


def change_key(cursor, writer):
    """The item gets a new primary key; the old one may be given away again by the sequence's next round."""
    cursor.execute("UPDATE order_items SET id = nextval('order_items_id_seq') WHERE id ="
                   " (SELECT i.id FROM order_items i JOIN orders o ON o.id = i.order_id JOIN customers c ON c.id = o.customer_id"
                   "  WHERE c.email LIKE %s ORDER BY i.id LIMIT 1)", [f"writer{writer.number}-%"])


def delete_and_insert_again(cursor, writer):
    """One key, deleted and inserted again in one transaction."""
    cursor.execute("DELETE FROM order_items WHERE id = (SELECT i.id FROM order_items i JOIN orders o ON o.id = i.order_id"
                   " JOIN customers c ON c.id = o.customer_id WHERE c.email LIKE %s ORDER BY i.id DESC LIMIT 1)"
                   " RETURNING id, order_id, product_id", [f"writer{writer.number}-%"])
    for identity, order, product in cursor.fetchall():
        cursor.execute("INSERT INTO order_items (id, order_id, product_id, quantity, unit_price) VALUES (%s, %s, %s, 77, 0.77)",
                       [identity, order, product])


def savepoint(cursor, writer):
    add_customer(cursor, writer)
    cursor.execute("SAVEPOINT s")
    cursor.execute("UPDATE customers SET last_name = 'must not be seen' WHERE email LIKE %s", [f"writer{writer.number}-%"])
    cursor.execute("ROLLBACK TO SAVEPOINT s")


STEPS = (add_customer, add_order, add_order, update_customer, update_products, big_text, delete_order, change_key,
         delete_and_insert_again, savepoint)


def shop_transaction(connection, writer):
    """One to four steps in one transaction, every tenth of which is rolled back."""
    connection.autocommit = False
    try:
        with connection.cursor() as cursor:
            done = []
            for _ in range(writer.random.choice((1, 1, 2, 4))):
                step = writer.random.choice(STEPS)
                step(cursor, writer)
                done.append(step.__name__)
            if writer.random.random() < 0.1:
                cursor.execute("UPDATE customers SET last_name = 'must not be seen' WHERE email LIKE %s", [f"writer{writer.number}-%"])
                connection.rollback()
                writer.rollbacks = getattr(writer, "rollbacks", 0) + 1
            else:
                connection.commit()
                writer.acknowledged.extend(done)
    except psycopg2.errors.DeadlockDetected:  # product rows in another order: PostgreSQL's own business
        connection.rollback()


def test_mix(shop):
    shop.start()
    shop.wait_streaming()
    with Load(shop.source, shop_transaction) as load:
        load.wait_commits(3000, 300)
    done = [step for writer in load.writers for step in writer.acknowledged]
    assert {step.__name__ for step in STEPS} <= set(done), "every kind of step was made"
    assert sum(getattr(w, "rollbacks", 0) for w in load.writers) > 50
    shop.wait_equal(SHOP)

    for table in SHOP:
        for line in shop.set_differences(table):
            assert ": 0 rows only" in line, line
    assert shop.source.value("SELECT count(*) FROM order_items") > 100
    operations = {payload and payload["op"] for m in shop.records("order_items") for payload in [envelope(m)]}
    assert operations == {"r", "c", "u", "d", None} or operations == {"r", "c", "d", None}, operations
    assert shop.lake.value("SELECT count(*) FROM cdc_raw.cdc_events WHERE cdc_events::text LIKE '%%must not be seen%%'", []) == 0
    assert shop.stop()[0] == 0
