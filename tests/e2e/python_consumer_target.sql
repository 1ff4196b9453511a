-- The target as the Python consumer's set-up made it.
CREATE TABLE customers (
  id SERIAL PRIMARY KEY, first_name VARCHAR(255) NOT NULL, last_name VARCHAR(255) NOT NULL, email VARCHAR(255) NOT NULL,
  created_at TIMESTAMP, updated_at TIMESTAMP,
  __cdc_operation VARCHAR(10), __cdc_timestamp TIMESTAMP, __synced_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);
CREATE TABLE products (
  id SERIAL PRIMARY KEY, name VARCHAR(255) NOT NULL, description TEXT, price DECIMAL(10, 2) NOT NULL,
  stock_quantity INTEGER DEFAULT 0, created_at TIMESTAMP, updated_at TIMESTAMP,
  __cdc_operation VARCHAR(10), __cdc_timestamp TIMESTAMP, __synced_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);
CREATE TABLE orders (
  id SERIAL PRIMARY KEY, customer_id INTEGER NOT NULL, order_date TIMESTAMP, status VARCHAR(50), total_amount DECIMAL(10, 2),
  created_at TIMESTAMP, updated_at TIMESTAMP,
  __cdc_operation VARCHAR(10), __cdc_timestamp TIMESTAMP, __synced_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);
CREATE TABLE order_items (
  id SERIAL PRIMARY KEY, order_id INTEGER NOT NULL, product_id INTEGER NOT NULL, quantity INTEGER NOT NULL,
  unit_price DECIMAL(10, 2), created_at TIMESTAMP, updated_at TIMESTAMP,
  __cdc_operation VARCHAR(10), __cdc_timestamp TIMESTAMP, __synced_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX idx_target_orders_customer_id ON orders (customer_id);
