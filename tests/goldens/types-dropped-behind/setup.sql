-- Types and tables that are dropped while the connector is stopped: it meets old rows of types that the catalog no longer has.
create type mood as enum ('sad', 'ok');
create domain positive as int check (value > 0);
create type pair as (a int, b text);
create table a (id int primary key, m mood, ms mood[], p positive, c pair, last text);
insert into a values (1, 'sad', '{sad,ok}', 1, '(1,x)', 'r');
