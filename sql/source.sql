-- The source database of the pipeline: a small shop, with sample rows.
--
-- Nothing here is particular to walrelay: it finds or creates its publication and its slot by itself. The server needs
-- wal_level = logical. Idempotent: sample rows go only into empty tables.

CREATE TABLE IF NOT EXISTS public.customers (
  id         serial PRIMARY KEY,
  first_name varchar(255) NOT NULL,
  last_name  varchar(255) NOT NULL,
  email      varchar(255) NOT NULL UNIQUE,
  created_at timestamp DEFAULT now(),
  updated_at timestamp DEFAULT now()
);

CREATE TABLE IF NOT EXISTS public.products (
  id             serial PRIMARY KEY,
  name           varchar(255) NOT NULL,
  description    text,
  price          numeric(10, 2) NOT NULL,
  stock_quantity integer NOT NULL DEFAULT 0,
  created_at     timestamp DEFAULT now(),
  updated_at     timestamp DEFAULT now()
);

CREATE TABLE IF NOT EXISTS public.orders (
  id           serial PRIMARY KEY,
  customer_id  integer NOT NULL REFERENCES public.customers (id),
  order_date   timestamp DEFAULT now(),
  status       varchar(50) NOT NULL DEFAULT 'pending',
  total_amount numeric(10, 2) NOT NULL,
  created_at   timestamp DEFAULT now(),
  updated_at   timestamp DEFAULT now()
);

CREATE TABLE IF NOT EXISTS public.order_items (
  id         serial PRIMARY KEY,
  order_id   integer NOT NULL REFERENCES public.orders (id),
  product_id integer NOT NULL REFERENCES public.products (id),
  quantity   integer NOT NULL,
  unit_price numeric(10, 2) NOT NULL,
  created_at timestamp DEFAULT now(),
  updated_at timestamp DEFAULT now()
);

-- Foreign keys are followed by every DELETE and key change on the other side.
CREATE INDEX IF NOT EXISTS orders_customer_id_idx ON public.orders (customer_id);
CREATE INDEX IF NOT EXISTS order_items_order_id_idx ON public.order_items (order_id);
CREATE INDEX IF NOT EXISTS order_items_product_id_idx ON public.order_items (product_id);

INSERT INTO public.customers (first_name, last_name, email)
SELECT first_name, last_name, email
FROM (VALUES
  ('John', 'Doe', 'john@example.com'),
  ('Jane', 'Smith', 'jane@example.com'),
  ('Bob', 'Johnson', 'bob@example.com'),
  ('Zoë', 'O''Brien', 'zoe@example.com'),
  ('Charlie', 'Wilson', 'charlie@example.com')) AS sample (first_name, last_name, email)
WHERE NOT EXISTS (SELECT FROM public.customers);

INSERT INTO public.products (name, description, price, stock_quantity)
SELECT name, description, price, stock_quantity
FROM (VALUES
  ('Laptop', 'High-performance laptop', 1200.00, 50),
  ('Mouse', NULL, 25.50, 200),
  ('Keyboard', 'Mechanical keyboard', 89.99, 150),
  ('Monitor', '27-inch 4K monitor', 399.00, 75),
  ('Headphones', 'Noise-cancelling headphones', 199.95, 100)) AS sample (name, description, price, stock_quantity)
WHERE NOT EXISTS (SELECT FROM public.products);

INSERT INTO public.orders (customer_id, status, total_amount)
SELECT customer_id, status, total_amount
FROM (VALUES (1, 'completed', 1225.50), (2, 'pending', 89.99), (3, 'shipped', 798.00)) AS sample (customer_id, status, total_amount)
WHERE NOT EXISTS (SELECT FROM public.orders);

INSERT INTO public.order_items (order_id, product_id, quantity, unit_price)
SELECT order_id, product_id, quantity, unit_price
FROM (VALUES (1, 1, 1, 1200.00), (1, 2, 1, 25.50), (2, 3, 1, 89.99), (3, 4, 2, 399.00)) AS sample (order_id, product_id, quantity, unit_price)
WHERE NOT EXISTS (SELECT FROM public.order_items);
