-- The lake as the Python consumer's set-up made it: SERIAL ids, no constraint on topic, partition and offset, indexes of its
-- own, timestamps without a time zone.
CREATE SCHEMA cdc_raw;
CREATE SCHEMA cdc_processed;

CREATE TABLE cdc_raw.cdc_events (
  id              SERIAL PRIMARY KEY,
  source_table    VARCHAR(255) NOT NULL,
  operation       VARCHAR(10) NOT NULL,
  event_key       JSONB,
  before_data     JSONB,
  after_data      JSONB,
  source_metadata JSONB,
  kafka_topic     VARCHAR(255),
  kafka_partition INTEGER,
  kafka_offset    BIGINT,
  event_timestamp TIMESTAMP,
  processed_at    TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX idx_cdc_events_source_table ON cdc_raw.cdc_events (source_table);
CREATE INDEX idx_cdc_events_operation ON cdc_raw.cdc_events (operation);
CREATE INDEX idx_cdc_events_event_timestamp ON cdc_raw.cdc_events (event_timestamp);
CREATE INDEX idx_cdc_events_after_data ON cdc_raw.cdc_events USING gin (after_data);

CREATE TABLE cdc_processed.customers (
  id INTEGER PRIMARY KEY, first_name VARCHAR(255), last_name VARCHAR(255), email VARCHAR(255),
  created_at TIMESTAMP, updated_at TIMESTAMP,
  cdc_operation VARCHAR(10), cdc_timestamp TIMESTAMP, synced_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);
CREATE TABLE cdc_processed.products (
  id INTEGER PRIMARY KEY, name VARCHAR(255), description TEXT, price DECIMAL(10, 2), stock_quantity INTEGER,
  created_at TIMESTAMP, updated_at TIMESTAMP,
  cdc_operation VARCHAR(10), cdc_timestamp TIMESTAMP, synced_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);
CREATE TABLE cdc_processed.orders (
  id INTEGER PRIMARY KEY, customer_id INTEGER, order_date TIMESTAMP, status VARCHAR(50), total_amount DECIMAL(10, 2),
  created_at TIMESTAMP, updated_at TIMESTAMP,
  cdc_operation VARCHAR(10), cdc_timestamp TIMESTAMP, synced_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);
CREATE TABLE cdc_processed.order_items (
  id INTEGER PRIMARY KEY, order_id INTEGER, product_id INTEGER, quantity INTEGER, unit_price DECIMAL(10, 2),
  created_at TIMESTAMP, updated_at TIMESTAMP,
  cdc_operation VARCHAR(10), cdc_timestamp TIMESTAMP, synced_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX idx_processed_customers_email ON cdc_processed.customers (email);
CREATE INDEX idx_processed_orders_customer_id ON cdc_processed.orders (customer_id);

CREATE VIEW cdc_raw.cdc_statistics AS
SELECT source_table, operation, COUNT(*) AS event_count, MIN(event_timestamp) AS first_event, MAX(event_timestamp) AS last_event
FROM cdc_raw.cdc_events GROUP BY source_table, operation;
