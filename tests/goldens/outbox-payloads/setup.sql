create table o (seq bigserial primary key, id uuid default '00000000-0000-0000-0000-00000000000a', aggregatetype text default 'dflt', aggregateid numeric(6,2) default 1.25, version int, at timestamp, n numeric(8,3), payload text);
create table b (id bytea, aggregatetype varchar(9) not null, aggregateid date, payload numeric(5,1), ar int[], h timestamptz);
create table j (id int primary key, aggregatetype text, aggregateid jsonb, payload jsonb not null);
